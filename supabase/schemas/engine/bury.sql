-- Ends a message as a dead letter: the letter, the failed stage and job, the event; the message goes. p_job_id may be null
-- (a message that names no job). What p_details does not say stays as it was recorded.
create or replace function pipeline.bury(
  p_pipeline text, p_queue text, p_msg_id bigint, p_message jsonb, p_job_id uuid, p_stage text,
  p_reason text, p_details jsonb, p_attempt_count integer
)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_user_id uuid;
  v_details jsonb;
  v_id bigint;
begin
  select j.user_id, coalesce(case when p_details ? 'message' then p_details end, d.error, s.last_error, p_details)
  into v_user_id, v_details
  from pipeline.jobs as j
  left join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id and s.stage = p_stage
  left join pipeline.error_details as d on d.pipeline = j.pipeline and d.job_id = j.id and d.stage = p_stage
  where j.pipeline = p_pipeline and j.id = p_job_id;

  insert into pipeline.dead_letters (
    pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at
  ) values (
    p_pipeline, p_queue, p_msg_id, p_job_id, p_stage, coalesce(p_message, '{}'::jsonb), p_reason,
    coalesce(v_details, p_details), coalesce(p_attempt_count, 0), v_now
  ) returning id into v_id;
  perform pipeline.delete_message(p_queue, p_msg_id);

  update pipeline.job_stages
  set status = 'failed', finished_at = v_now, lease_expires_at = null, next_retry_at = null, silent_count = 0,
      last_error = pipeline.visible_error(v_details, v_user_id),
      dead_lettered_at = v_now, dead_letter_reason = p_reason
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;

  update pipeline.jobs
  set status = 'failed', last_failed_at = v_now, last_dead_letter_at = v_now,
      error = jsonb_build_object('stage', p_stage, 'reason', p_reason)
        || coalesce(pipeline.visible_error(v_details, v_user_id), '{}'::jsonb)
  where pipeline = p_pipeline and id = p_job_id and status in ('queued', 'processing');
  if found then
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'dead_lettered', format('%s dead-lettered: %s', p_stage, p_reason),
      jsonb_build_object('dead_letter_id', v_id, 'msg_id', p_msg_id, 'attempt', p_attempt_count, 'reason', p_reason));
    perform pipeline.tell_hook(p_pipeline, p_job_id, p_stage, 'dead_lettered',
      coalesce(v_details, '{}'::jsonb) || jsonb_build_object('reason', p_reason));
  end if;
  return v_id;
end;
$$;

revoke execute on function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer) from public, anon, authenticated;
