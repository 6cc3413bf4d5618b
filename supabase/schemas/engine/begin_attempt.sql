-- Counts the attempt and marks the stage as running under the lease (the caller holds the locks).
create or replace function pipeline.begin_attempt(p_lease pipeline.lease, p_lease_expires_at timestamptz)
returns pipeline.job_stages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.job_stages
  set status = 'processing', attempt_count = attempt_count + 1, started_at = v_now, finished_at = null,
      read_ct = p_lease.read_ct, lease_expires_at = p_lease_expires_at, next_retry_at = null, wake_requested_at = null
  where pipeline = p_lease.pipeline and job_id = p_lease.job_id and stage = p_lease.stage
  returning * into v_stage;

  update pipeline.jobs
  set status = 'processing', stage = p_lease.stage, attempt_count = attempt_count + 1, last_dequeued_at = v_now
  where pipeline = p_lease.pipeline and id = p_lease.job_id;

  insert into pipeline.job_events (pipeline, job_id, stage, status, message, metadata, created_at)
  values (p_lease.pipeline, p_lease.job_id, p_lease.stage, 'started', p_lease.stage || ' started',
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', p_lease.msg_id,
      'waited_ms', round(extract(epoch from v_now - greatest(v_stage.queued_at, v_stage.available_at)) * 1000)), v_now);
  return v_stage;
end;
$$;

revoke execute on function pipeline.begin_attempt(pipeline.lease, timestamptz) from public, anon, authenticated;
