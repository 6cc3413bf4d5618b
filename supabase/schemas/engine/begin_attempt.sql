-- Counts the attempt and marks the stage as running under the lease (the caller holds the locks).
create or replace function pipeline.begin_attempt(p_lease pipeline.lease, p_lease_expires_at timestamptz)
returns pipeline.job_stages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
begin
  return pipeline.mark_started(p_lease.pipeline, p_lease.job_id, p_lease.stage, p_lease.msg_id, p_lease.read_ct, p_lease_expires_at,
    pipeline.now());
end;
$$;

revoke execute on function pipeline.begin_attempt(pipeline.lease, timestamptz) from public, anon, authenticated;
