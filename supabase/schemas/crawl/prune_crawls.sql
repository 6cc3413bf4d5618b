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
  with old as (
    delete from public.crawl_jobs where id in (
      select c.id from public.crawl_jobs as c
      where c.status in ('completed', 'failed') and c.finished_at < pipeline.now() - p_after
        and not exists (
          select from pipeline.jobs as j
          where j.pipeline = 'pageperfect' and j.id = c.job_id and j.status in ('queued', 'processing', 'failed'))
      order by c.finished_at
      limit p_limit
      for update skip locked)
    returning id
  ),
  jobs as (
    delete from pipeline.jobs as j using old where j.pipeline = 'fetch' and j.id = old.id
  )
  select count(*) into v_count from old;
  return v_count;
end;
$$;

revoke execute on function public.prune_crawls(interval, integer) from public, anon, authenticated;
