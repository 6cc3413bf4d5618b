-- What a commit answers when it may not write.
create or replace function pipeline.refusal(p_lease pipeline.lease)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('status', p_lease.status, 'job_id', p_lease.job_id, 'next_stage', null);
$$;

revoke execute on function pipeline.refusal(pipeline.lease) from public, anon, authenticated;
