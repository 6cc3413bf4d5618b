-- Whether the message is still the caller's: it is there, and was delivered to nobody else since. A caller that does not
-- name its delivery is believed. The message is locked.
create or replace function pipeline.holds_message(p_queue text, p_msg_id bigint, p_read_ct integer)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  return v_message.msg_id is not null and v_message.read_ct = coalesce(p_read_ct, v_message.read_ct);
end;
$$;

revoke execute on function pipeline.holds_message(text, bigint, integer) from public, anon, authenticated;
