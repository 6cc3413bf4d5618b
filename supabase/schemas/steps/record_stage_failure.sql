-- Records why the running attempt failed; what happens next (requeue or dead letter) is the worker's next step.
create or replace function public.record_stage_failure(p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.jobs set last_failed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  update pipeline.job_stages set last_error = p_error
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
  returning * into v_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'failed', format('%s failed: %s', p_stage, p_error ->> 'message'),
    jsonb_build_object('attempt', v_stage.attempt_count, 'error', p_error));
  return jsonb_build_object('attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts);
end;
$$;

revoke execute on function public.record_stage_failure(text, uuid, text, jsonb) from public, anon, authenticated;
grant execute on function public.record_stage_failure(text, uuid, text, jsonb) to service_role;
