-- The retry hook of wait_crawl: a crawl that failed is submitted again with new attempts. The count goes on, since it
-- is the fencing token.
create or replace function pipeline.resubmit_crawl(p_job_id uuid, p_delay interval)
returns void
language sql
set search_path = ''
as $$
  update public.crawl_jobs as c
  set status = 'pending', max_attempts = c.attempt_count + 3, error = null, finished_at = null,
      queued_at = pipeline.now() + p_delay, available_at = pipeline.now() + p_delay
  where c.job_id = p_job_id and c.status = 'failed';
$$;

revoke execute on function pipeline.resubmit_crawl(uuid, interval) from public, anon, authenticated;
