-- Claims the next message of a stage and starts the attempt; honours max_concurrency here, so that no number
-- of doorbells can exceed it. Null: nothing to do, or the stage is full.
create or replace function public.claim_stage(p_pipeline text, p_stage text, p_visibility_seconds integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_config pipeline.stage_config;
  v_lease pipeline.lease;
  v_stage pipeline.job_stages;
  v_visibility integer;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if not found then
    raise exception 'pipeline % has no stage %', p_pipeline, p_stage using errcode = '22023';
  end if;
  v_visibility := greatest(coalesce(p_visibility_seconds, v_config.visibility_seconds), 1);

  -- Two claims of one stage must not both count the same free slot.
  perform pg_advisory_xact_lock(hashtextextended('claim:' || p_pipeline || ':' || p_stage, 0));
  if (
    select count(*) from pipeline.job_stages as s
    where s.pipeline = p_pipeline and s.stage = p_stage and s.status = 'processing'
      and s.lease_expires_at > pipeline.now()
  ) >= v_config.max_concurrency then
    return null;
  end if;

  v_lease := pipeline.take_message(p_pipeline, v_config.queue, p_stage, v_visibility);
  if v_lease.msg_id is null then
    return null;
  end if;
  if v_lease.job_id is null then
    return jsonb_build_object('msg_id', v_lease.msg_id, 'job_id', null);
  end if;
  v_stage := pipeline.begin_attempt(v_lease, pipeline.now() + make_interval(secs => v_visibility));
  return jsonb_build_object(
    'msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'job_id', v_lease.job_id, 'stage', p_stage,
    'payload', v_lease.message -> 'payload', 'priority', v_stage.priority,
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'visibility_seconds', v_visibility,
    'enqueued_at', v_lease.message -> 'enqueued_at', 'traceparent', v_lease.message -> 'traceparent');
end;
$$;

revoke execute on function public.claim_stage(text, text, integer) from public, anon, authenticated;
grant execute on function public.claim_stage(text, text, integer) to service_role;
