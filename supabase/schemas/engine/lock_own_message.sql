-- The message that stands for a stage, locked; null when it is gone or the id is another message's, as after a queue
-- was dropped and made again.
create or replace function pipeline.lock_own_message(p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text)
returns pipeline.message
language plpgsql
set search_path = ''
as $$
declare
  v_message pipeline.message;
begin
  if p_msg_id is not null then
    v_message := pipeline.lock_message(p_queue, p_msg_id);
  end if;
  if v_message.message ->> 'job_id' = p_job_id::text and v_message.message ->> 'stage' = p_stage then
    return v_message;
  end if;
  return null;
end;
$$;

revoke execute on function pipeline.lock_own_message(text, bigint, uuid, text) from public, anon, authenticated;
