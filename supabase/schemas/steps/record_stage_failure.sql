-- Records why the running attempt failed; what happens next (requeue or dead letter) is the worker's next step. Nothing is
-- recorded for a worker whose message is another one's now.
create or replace function public.record_stage_failure(
  p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb, p_read_ct integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
  v_user_id uuid;
begin
  select j.user_id into v_user_id from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  select * into v_stage from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  if v_stage.read_ct = coalesce(p_read_ct, v_stage.read_ct) and v_stage.status in ('queued', 'processing') then
    update pipeline.jobs set last_failed_at = v_now where pipeline = p_pipeline and id = p_job_id;
    perform pipeline.keep_error(p_pipeline, p_job_id, p_stage, p_error);
    update pipeline.job_stages set last_error = pipeline.visible_error(p_error, v_user_id)
    where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'failed',
      format('%s failed: %s', p_stage, pipeline.visible_error(p_error, v_user_id) ->> 'message'),
      jsonb_build_object('attempt', v_stage.attempt_count, 'error', pipeline.visible_error(p_error, v_user_id)));
  end if;
  return jsonb_build_object('attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts);
end;
$$;

revoke execute on function public.record_stage_failure(text, uuid, text, jsonb, integer) from public, anon, authenticated;
