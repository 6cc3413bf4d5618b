-- What a stage keeps between its invocations goes once its commit has taken it.
create or replace function pipeline.drop_unfinished(p_lease pipeline.lease)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.staged_vectors where job_id = p_lease.job_id and stage = p_lease.stage;
  delete from pipeline.stage_checkpoints where job_id = p_lease.job_id and stage = p_lease.stage;
$$;

revoke execute on function pipeline.drop_unfinished(pipeline.lease) from public, anon, authenticated;
