-- Which of p_texts the cache lacks: a JSON array of their indexes from 0. Reads no vector.
create or replace function public.embedding_cache_missing(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
set enable_seqscan = off -- in a plan kept from when the table was empty all rows are read for each text
as $$
  select coalesce(jsonb_agg(t.ordinality - 1 order by t.ordinality), '[]'::jsonb)
  from unnest(p_texts) with ordinality as t (text, ordinality)
  -- Counted, not joined: see embedding_cache_get.
  where (
    select count(*) from public.embedding_cache as c
    where c.model = p_model and c.dimensions = p_dimensions and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
  ) = 0;
$$;

revoke execute on function public.embedding_cache_missing(text, integer, text[]) from public, anon, authenticated;
