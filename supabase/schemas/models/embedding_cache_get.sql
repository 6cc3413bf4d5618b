-- What the cache holds of p_texts: a JSON array in their order, base64 of the f32s or null.
create or replace function public.embedding_cache_get(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
set enable_seqscan = off -- as in embedding_cache_missing
as $$
  -- A subquery, not a join: before the table's first analyze a join reads all of a model's rows for each text.
  select coalesce(
    jsonb_agg(
      (
        select replace(encode(c.embedding, 'base64'), E'\n', '')
        from public.embedding_cache as c
        where c.model = p_model
          and c.dimensions = p_dimensions
          and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
      )
      order by t.ordinality
    ),
    '[]'::jsonb
  )
  from unnest(p_texts) with ordinality as t (text, ordinality);
$$;

revoke execute on function public.embedding_cache_get(text, integer, text[]) from public, anon, authenticated;
