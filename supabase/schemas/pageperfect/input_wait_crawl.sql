-- What wait_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_wait_crawl(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_crawl public.crawl_jobs;
begin
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;
  return jsonb_build_object(
    'crawl', jsonb_build_object('id', v_crawl.id, 'status', v_crawl.status, 'error', v_crawl.error,
      'html_length', v_crawl.html_length, 'processing_time_ms', v_crawl.processing_time_ms,
      'created_at', v_crawl.created_at),
    -- Only what runs has a time limit; a crawl may wait for its turn as long as it takes.
    'running_seconds', (
      select greatest(extract(epoch from pipeline.now() - s.started_at), 0) from pipeline.job_stages as s
      where s.pipeline = 'fetch' and s.job_id = v_crawl.id and s.status = 'processing'));
end;
$$;

revoke execute on function public.input_wait_crawl(uuid) from public, anon, authenticated;
