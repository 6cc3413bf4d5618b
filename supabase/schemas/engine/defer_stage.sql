-- Puts a running stage to sleep without spending its attempt, for p_delay_seconds, or, when that is null, until it is woken
-- (pipeline.wake_stage, or the end of its last open child). p_payload is merged into the message's payload. It does not
-- sleep when what it waits for happened while it ran.
create or replace function public.defer_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_delay_seconds integer,
  p_message text default null, p_payload jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := case when p_delay_seconds is null then 'infinity'
    else v_now + make_interval(secs => greatest(p_delay_seconds, 0)) end;
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  update pipeline.job_stages
  set status = 'queued', attempt_count = greatest(attempt_count - 1, 0), lease_expires_at = null, silent_count = 0,
      available_at = case when wake_requested_at is null then v_until else v_now end
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage
  returning available_at into v_until;
  perform pipeline.set_message(v_lease.queue, p_msg_id, pipeline.put_to_sleep(
    v_lease.message || jsonb_build_object('payload',
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || coalesce(p_payload, '{}'::jsonb)), v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', attempt_count = greatest(attempt_count - 1, 0)
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.tell_hook(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred');
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred',
    coalesce(p_message, format('%s deferred', v_lease.stage)),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds',
      case when v_until < 'infinity' then round(extract(epoch from v_until - v_now)) end));
  return jsonb_build_object('status', 'deferred', 'available_at', v_until);
end;
$$;

revoke execute on function public.defer_stage(text, bigint, integer, integer, text, jsonb) from public, anon, authenticated;
