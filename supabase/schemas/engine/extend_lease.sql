-- Heartbeat: the lease now ends p_seconds from now. False when it is lost or the job was cancelled.
create or replace function public.extend_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer, p_seconds integer)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
begin
  if v_lease.status <> 'held' then
    return false;
  end if;
  perform pipeline.set_message(v_lease.queue, p_msg_id, v_lease.message, v_until);
  update pipeline.job_stages set lease_expires_at = v_until
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  return true;
end;
$$;

revoke execute on function public.extend_lease(text, bigint, integer, integer) from public, anon, authenticated;
