-- Deletes finished crawls, which hold the page's HTML, once nothing will read them again: their job is completed,
-- cancelled or gone. A failed job keeps its crawl, since a replay goes on from it. One bounded step; returns its count.
create or replace function public.prune_crawls(p_after interval default '7 days', p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.crawl_jobs where id in (
    select c.id from public.crawl_jobs as c
    where c.status in ('completed', 'failed') and c.finished_at < pipeline.now() - p_after
      and not exists (
        select from pipeline.jobs as j
        where j.pipeline = 'pageperfect' and j.id = c.job_id and j.status in ('queued', 'processing', 'failed'))
    limit p_limit
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function public.prune_crawls(interval, integer) from public, anon, authenticated;
grant execute on function public.prune_crawls(interval, integer) to service_role;
