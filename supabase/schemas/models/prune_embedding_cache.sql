-- Forgets embeddings older than p_after: the largest table, and cheap to fill again. One bounded step; returns its count.
create or replace function public.prune_embedding_cache(p_after interval default '90 days', p_limit integer default 5000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.embedding_cache
  where ctid in (select c.ctid from public.embedding_cache as c where c.created_at < now() - p_after limit p_limit);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function public.prune_embedding_cache(interval, integer) from public, anon, authenticated;
