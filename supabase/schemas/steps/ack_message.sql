-- Archives a message; false when it was gone already.
create or replace function public.ack_message(p_queue text, p_msg_id bigint)
returns boolean
language sql
security definer
set search_path = ''
as $$
  select pgmq.archive(p_queue, p_msg_id);
$$;

revoke execute on function public.ack_message(text, bigint) from public, anon, authenticated;
grant execute on function public.ack_message(text, bigint) to service_role;
