-- Counts an attempt of a stage whose message this worker holds. Raises 55000 when the job is finished, or the message
-- is another worker's now.
create or replace function public.start_stage(p_pipeline text, p_job_id uuid, p_stage text, p_read_ct integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_msg_id bigint;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
  v_status text;
begin
  select s.msg_id into v_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  v_message := pipeline.lock_own_message(pipeline.queue_of(p_pipeline), v_msg_id, p_job_id, p_stage);
  select j.status into v_status from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  if v_status in ('completed', 'failed', 'cancelled') then
    raise exception 'job % is %', p_job_id, v_status using errcode = '55000';
  elsif v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    raise exception 'the message of stage % of job % is another worker''s now', p_stage, p_job_id using errcode = '55000';
  end if;
  v_stage := pipeline.mark_started(p_pipeline, p_job_id, p_stage, v_msg_id, v_message.read_ct, v_message.vt, pipeline.now());
  return jsonb_build_object(
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'priority', v_stage.priority);
end;
$$;

revoke execute on function public.start_stage(text, uuid, text, integer) from public, anon, authenticated;
