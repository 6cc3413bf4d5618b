-- What becomes of a crawl's row with its job; the end of a crawl wakes the job that waits for it.
create or replace function pipeline.on_crawl(p_job_id uuid, p_event text, p_details jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_now timestamptz := pipeline.now();
begin
  update public.crawl_jobs as c
  set status = case p_event when 'started' then 'processing' when 'dead_lettered' then 'failed' when 'cancelled' then 'failed' else 'pending' end,
      attempt_count = c.attempt_count + (p_event = 'started')::integer,
      lease_expires_at = case when p_event = 'started' then (p_details ->> 'lease_expires_at')::timestamptz end,
      available_at = case when p_event = 'retry' then v_now + make_interval(secs => (p_details ->> 'delay_seconds')::double precision) else c.available_at end,
      finished_at = case when p_event in ('dead_lettered', 'cancelled') then v_now end,
      http_status = coalesce((p_details ->> 'http_status')::integer, c.http_status),
      error = case when p_event in ('started', 'deferred') then c.error when p_event = 'replayed' then null
        when p_event = 'cancelled' then jsonb_build_object('code', 'cancelled', 'message', 'the crawl was cancelled', 'retryable', false)
        else pipeline.visible_error(p_details - 'delay_seconds' - 'reason', (select p.owner_id from public.pages as p where p.id = c.page_id)) end
  where c.id = p_job_id
  returning * into v_crawl;
  if v_crawl.status = 'failed' and v_crawl.job_id is not null then
    perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  end if;
end;
$$;

revoke execute on function pipeline.on_crawl(uuid, text, jsonb) from public, anon, authenticated;
