-- Sends a job back to an earlier stage, in place of the commit of the leased one, which begins anew when its turn comes.
create or replace function pipeline.go_back(p_lease pipeline.lease, p_stage text, p_message text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.delete_message(p_lease.queue, p_lease.msg_id);
  delete from pipeline.job_stages as s
  where s.pipeline = p_lease.pipeline and s.job_id = p_lease.job_id and s.stage = p_lease.stage;
  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'sent_back', p_message,
    jsonb_build_object('msg_id', p_lease.msg_id, 'to', p_stage));
  perform pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, p_stage, (p_lease.message -> 'payload') - 'progress',
    coalesce((p_lease.message ->> 'priority')::integer, 0));
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', p_stage);
end;
$$;

revoke execute on function pipeline.go_back(pipeline.lease, text, text) from public, anon, authenticated;
