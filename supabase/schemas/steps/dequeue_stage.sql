-- The next message of any stage, or of p_stage; null when there is none.
create or replace function public.dequeue_stage(p_queue text, p_visibility_seconds integer default 600, p_stage text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.take_message(
    pipeline.pipeline_of(p_queue), p_queue, p_stage, greatest(coalesce(p_visibility_seconds, 600), 1));
begin
  if v_lease.msg_id is null then
    return null;
  end if;
  return jsonb_build_object('msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'message', v_lease.message);
end;
$$;

revoke execute on function public.dequeue_stage(text, integer, text) from public, anon, authenticated;
