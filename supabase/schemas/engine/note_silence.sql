-- A running stage whose worker went silent (the caller holds the locks): the second silence in a row ends its message, as
-- do attempts that are used up; otherwise it is queued again. Returns the stage as it is now.
create or replace function pipeline.note_silence(p_queue text, p_message pipeline.message, p_stage pipeline.job_stages)
returns pipeline.job_stages
language plpgsql
set search_path = ''
as $$
declare
  c_most constant integer := 2;
  v_stage pipeline.job_stages := p_stage;
begin
  perform pipeline.log_event(p_stage.pipeline, p_stage.job_id, p_stage.stage, 'lease_expired',
    format('%s: the worker went silent', p_stage.stage),
    jsonb_build_object('attempt', p_stage.attempt_count, 'msg_id', p_stage.msg_id));
  v_stage.silent_count := p_stage.silent_count + 1;
  if v_stage.silent_count >= c_most or p_stage.attempt_count >= p_stage.max_attempts then
    v_stage.status := 'failed';
    perform pipeline.bury(p_stage.pipeline, p_queue, p_message.msg_id, p_message.message, p_stage.job_id, p_stage.stage,
      'worker_died', coalesce(p_stage.last_error, '{}'::jsonb) || jsonb_build_object('code', 'worker_died', 'message', format('%s workers in a row ended without a report', v_stage.silent_count)),
      p_stage.attempt_count);
  else
    v_stage.status := 'queued';
    v_stage.lease_expires_at := null;
    update pipeline.job_stages as s
    set status = 'queued', lease_expires_at = null, available_at = pipeline.now(), silent_count = v_stage.silent_count
    where s.pipeline = p_stage.pipeline and s.job_id = p_stage.job_id and s.stage = p_stage.stage;
    update pipeline.jobs as j set status = 'queued'
    where j.pipeline = p_stage.pipeline and j.id = p_stage.job_id and j.status = 'processing';
  end if;
  return v_stage;
end;
$$;

revoke execute on function pipeline.note_silence(text, pipeline.message, pipeline.job_stages) from public, anon, authenticated;
