-- Archives a message; false when it was gone already, or is another worker's now.
create or replace function public.ack_message(p_queue text, p_msg_id bigint, p_read_ct integer default null)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  return pipeline.holds_message(p_queue, p_msg_id, p_read_ct) and pgmq.archive(p_queue, p_msg_id);
end;
$$;

revoke execute on function public.ack_message(text, bigint, integer) from public, anon, authenticated;
