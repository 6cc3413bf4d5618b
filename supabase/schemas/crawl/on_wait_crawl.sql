-- A wait for a crawl that is tried again submits a failed crawl again.
create or replace function pipeline.on_wait_crawl(p_job_id uuid, p_event text, p_details jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_event in ('retry', 'replayed') then
    update public.crawl_jobs as c
    set status = 'pending', error = null, finished_at = null, max_attempts = c.attempt_count + 3, queued_at = pipeline.now(),
        available_at = pipeline.now() + make_interval(secs => coalesce((p_details ->> 'delay_seconds')::double precision, 0))
    where c.id in (
      select l.id from public.crawl_jobs as l where l.job_id = p_job_id and l.status = 'failed' for update skip locked);
  end if;
end;
$$;

revoke execute on function pipeline.on_wait_crawl(uuid, text, jsonb) from public, anon, authenticated;
