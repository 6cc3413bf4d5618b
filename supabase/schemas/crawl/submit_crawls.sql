-- Pending crawls that nobody has queued, as after a restore without the engine's tables; how many are now.
create or replace function pipeline.submit_crawls(p_limit integer default 500)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_count integer := 0;
begin
  for v_crawl in
    select c.* from public.crawl_jobs as c
    where c.status in ('pending', 'processing')
      and not exists (select from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = c.id and j.is_open)
    limit p_limit
    for update skip locked
  loop
    perform pipeline.submit_crawl(v_crawl);
    perform pipeline.log_event('fetch', v_crawl.id, 'crawl', 'mended', 'crawl: nobody had queued it');
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.submit_crawls(integer) from public, anon, authenticated;
