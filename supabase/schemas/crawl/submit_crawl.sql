-- A pending row of crawl_jobs, whoever put it there, becomes a job of the pipeline `fetch` with the row's id.
create or replace function pipeline.submit_crawl(p_crawl public.crawl_jobs)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job record;
begin
  select j.status, s.msg_id into v_job from pipeline.jobs as j
  left join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id and s.stage = 'crawl'
  where j.pipeline = 'fetch' and j.id = p_crawl.id for update of j;
  if found and v_job.status in ('queued', 'processing') then
    return;
  elsif found then -- pending once more: tried again with new attempts
    perform pipeline.reopen_job('fetch', p_crawl.id);
  else
    insert into pipeline.jobs (pipeline, id, job_type, url, page_id, user_id, stage, priority, created_at)
    select 'fetch', p_crawl.id, 'crawl', p_crawl.url, p_crawl.page_id, p.owner_id, 'crawl',
      coalesce((select j.priority from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_crawl.job_id), 0), pipeline.now()
    from public.pages as p where p.id = p_crawl.page_id;
  end if;
  perform pipeline.queue_stage('fetch', p_crawl.id, 'crawl', '{}'::jsonb,
    (select j.priority from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = p_crawl.id),
    greatest(p_crawl.available_at - pipeline.now(), '0'));
end;
$$;

revoke execute on function pipeline.submit_crawl(public.crawl_jobs) from public, anon, authenticated;
