-- Applies what Rust decided about a failed attempt: p_action 'retry' after p_delay_seconds, or 'dead_letter'
-- with p_reason. Attempts that are used up end in the dead letters whatever was asked for.
create or replace function public.fail_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_error jsonb,
  p_action text, p_delay_seconds numeric default 0, p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_error jsonb := pipeline.visible_error(p_error, v_lease.user_id);
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_stage: action % is neither retry nor dead_letter', p_action using errcode = '22023';
  end if;
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;

  if p_action = 'dead_letter' or v_lease.attempt_count >= v_lease.max_attempts then
    return jsonb_build_object('status', 'dead_lettered', 'dead_letter_id', pipeline.bury(
      p_pipeline, v_lease.queue, p_msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
      coalesce(case when p_action = 'dead_letter' then p_reason end, 'max_attempts_exceeded'),
      p_error, v_lease.attempt_count));
  end if;

  perform pipeline.keep_error(p_pipeline, v_lease.job_id, v_lease.stage, p_error);
  perform pipeline.set_message(v_lease.queue, p_msg_id,
    pipeline.put_to_sleep(v_lease.message, v_now + v_delay, v_now), v_now + v_delay);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, last_error = v_error, silent_count = 0,
      available_at = v_now + v_delay, next_retry_at = v_now + v_delay
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  update pipeline.jobs set status = 'queued', last_failed_at = v_now
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.tell_hook(p_pipeline, v_lease.job_id, v_lease.stage, 'retry',
    coalesce(p_error, '{}'::jsonb) || jsonb_build_object('delay_seconds', extract(epoch from v_delay)));
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'retry_scheduled',
    format('%s failed, retry scheduled: %s', v_lease.stage, coalesce(v_error ->> 'message', p_reason)),
    jsonb_build_object('attempt', v_lease.attempt_count, 'msg_id', p_msg_id, 'reason', p_reason, 'error', v_error,
      'delay_seconds', round(extract(epoch from v_delay), 1),
      'duration_ms', round(extract(epoch from v_now - v_lease.started_at) * 1000)));
  return jsonb_build_object('status', 'retry_scheduled', 'next_retry_at', v_now + v_delay);
end;
$$;

revoke execute on function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text) from public, anon, authenticated;
