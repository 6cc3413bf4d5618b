-- Wakes a sleeping stage now. One that runs at this moment is told not to sleep at its next defer; one that waits for its
-- lane goes on waiting. Returns whether the stage was there to be woken.
create or replace function pipeline.wake_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_queue text := pipeline.queue_of(p_pipeline);
  v_msg_id bigint;
  v_message pipeline.message;
  v_status text;
begin
  select s.msg_id into v_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage and s.status in ('queued', 'processing');
  v_message := pipeline.lock_own_message(v_queue, v_msg_id, p_job_id, p_stage);
  if v_message.msg_id is null or v_message.message ? 'lane' then
    return false;
  end if;
  update pipeline.job_stages
  set wake_requested_at = case when status = 'processing' then v_now end,
      available_at = case when status = 'queued' then v_now else available_at end
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
    and msg_id = v_msg_id and status in ('queued', 'processing')
  returning status into v_status;
  if v_status = 'queued' then
    perform pipeline.set_message(v_queue, v_msg_id, v_message.message - 'asleep', v_now);
  end if;
  return v_status is not null;
end;
$$;

revoke execute on function pipeline.wake_stage(text, uuid, text) from public, anon, authenticated;
