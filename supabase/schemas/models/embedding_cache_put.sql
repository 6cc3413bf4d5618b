-- Stores embeddings (base64 of f32s) for texts in the same order; returns how many were new.
create or replace function public.embedding_cache_put(
  p_model text,
  p_dimensions integer,
  p_texts text[],
  p_embeddings text[]
)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  if cardinality(p_texts) is distinct from cardinality(p_embeddings) then
    raise exception 'embedding_cache_put: % texts but % embeddings',
      cardinality(p_texts), cardinality(p_embeddings) using errcode = '22023';
  end if;
  insert into public.embedding_cache (model, dimensions, text_sha256, embedding)
  select distinct on (sha256(convert_to(t.text, 'UTF8')))
    p_model, p_dimensions, sha256(convert_to(t.text, 'UTF8')), decode(t.embedding, 'base64')
  from unnest(p_texts, p_embeddings) as t (text, embedding)
  order by 3
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function public.embedding_cache_put(text, integer, text[], text[]) from public, anon, authenticated;
