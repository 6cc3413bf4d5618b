-- Claims up to p_count next messages of a stage and starts their attempts; honours max_concurrency here, so that no number
-- of doorbells can exceed it. An empty array: nothing to do, or the stage is full or paused.
create or replace function public.claim_stages(
  p_pipeline text, p_stage text, p_visibility_seconds integer default null, p_count integer default 1
)
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
  v_free integer;
  v_now timestamptz;
  v_claims jsonb := '[]'::jsonb;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if not found then
    raise exception 'pipeline % has no stage %', p_pipeline, p_stage using errcode = '22023';
  end if;
  if not v_config.enabled then
    return v_claims;
  end if;
  v_visibility := greatest(coalesce(p_visibility_seconds, v_config.visibility_seconds), 1);

  -- Two claims of one stage must not both count the same free slot.
  perform pg_advisory_xact_lock(hashtextextended('claim:' || p_pipeline || ':' || p_stage, 0));
  v_free := v_config.max_concurrency - pipeline.count_running(p_pipeline, p_stage, pipeline.now());

  while v_free > 0 and jsonb_array_length(v_claims) < p_count loop
    v_lease := pipeline.take_message(p_pipeline, v_config.queue, p_stage, v_visibility);
    exit when v_lease.msg_id is null;
    if v_lease.job_id is null then
      v_claims := v_claims || jsonb_build_object('msg_id', v_lease.msg_id, 'job_id', null);
      continue;
    end if;
    v_now := pipeline.now();
    v_stage := pipeline.mark_started(p_pipeline, v_lease.job_id, p_stage, v_lease.msg_id, v_lease.read_ct,
      v_now + make_interval(secs => v_visibility), v_now);
    v_free := v_free - 1;
    if v_config.hook is not null then
      perform pipeline.tell_hook(p_pipeline, v_lease.job_id, p_stage, 'started',
        jsonb_build_object('lease_expires_at', v_stage.lease_expires_at));
    end if;
    v_claims := v_claims || jsonb_build_object(
      'msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'job_id', v_lease.job_id, 'stage', p_stage,
      'payload', v_lease.message -> 'payload', 'priority', v_stage.priority,
      'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
      'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
      'visibility_seconds', v_visibility,
      'enqueued_at', v_stage.queued_at, 'traceparent', v_lease.message -> 'traceparent');
  end loop;
  return v_claims;
end;
$$;

revoke execute on function public.claim_stages(text, text, integer, integer) from public, anon, authenticated;
