-- Vectors of rows of 'page_embeddings' or 'keyword_clusters' in the order of p_ids: base64 of Postgres' binary vectors, one
-- after the other. Raises 40001 when a row is gone, since its page was analysed anew.
create or replace function public.get_vectors(p_table text, p_ids bigint[])
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_count integer;
  v_bytes bytea;
begin
  if p_table = 'page_embeddings' then
    select count(*), string_agg(extensions.vector_send(e.embedding), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.page_embeddings as e on e.id = i.id;
  elsif p_table = 'keyword_clusters' then
    select count(*), string_agg(extensions.vector_send(k.centroid), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.keyword_clusters as k on k.id = i.id;
  else
    raise exception 'get_vectors: % has no vectors', p_table using errcode = '22023';
  end if;
  if v_count <> cardinality(p_ids) then
    raise exception 'rows of % were replaced while they were read', p_table using errcode = '40001';
  end if;
  return replace(encode(coalesce(v_bytes, ''), 'base64'), E'\n', '');
end;
$$;

revoke execute on function public.get_vectors(text, bigint[]) from public, anon, authenticated;
