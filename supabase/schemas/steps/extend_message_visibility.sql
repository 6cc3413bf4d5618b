create or replace function public.extend_message_visibility(
  p_queue text, p_msg_id bigint, p_seconds integer default 300, p_read_ct integer default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    return false;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, v_message.message, v_until);
  update pipeline.job_stages as s set lease_expires_at = v_until
  where s.pipeline = pipeline.pipeline_of(p_queue) and s.msg_id = p_msg_id and s.status = 'processing'
    and s.job_id::text = v_message.message ->> 'job_id' and s.stage = v_message.message ->> 'stage';
  return true;
end;
$$;

revoke execute on function public.extend_message_visibility(text, bigint, integer, integer) from public, anon, authenticated;
