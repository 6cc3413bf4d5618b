-- Applies what Rust decided about a failed crawl attempt. p_error.retryable says whether a later resubmission may help.
create or replace function public.fail_crawl(
  p_crawl_job_id uuid, p_attempt_count integer, p_error jsonb, p_action text, p_delay_seconds numeric default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_crawl public.crawl_jobs;
begin
  update public.crawl_jobs as c
  set status = case when p_action = 'retry' and c.attempt_count < c.max_attempts then 'pending' else 'failed' end,
      lease_expires_at = null, error = p_error, available_at = v_now + v_delay,
      http_status = (p_error ->> 'http_status')::integer,
      finished_at = case when p_action = 'retry' and c.attempt_count < c.max_attempts then null else v_now end
  where c.id = p_crawl_job_id and c.attempt_count = p_attempt_count and c.status = 'processing'
  returning * into v_crawl;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  elsif v_crawl.status = 'pending' then
    return jsonb_build_object('status', 'retry_scheduled', 'available_at', v_crawl.available_at);
  end if;
  perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  return jsonb_build_object('status', 'failed');
end;
$$;

revoke execute on function public.fail_crawl(uuid, integer, jsonb, text, numeric) from public, anon, authenticated;
grant execute on function public.fail_crawl(uuid, integer, jsonb, text, numeric) to service_role;
