-- The answer for a job that an idempotency key names already. Raises 23505 naming what this request has otherwise.
create or replace function pipeline.same_job(p_job pipeline.jobs, p_request jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_differs text;
begin
  select string_agg(key, ', ' order by key) into v_differs
  from (select jsonb_object_keys(p_job.request || p_request) as key) as k
  where p_job.request -> key is distinct from p_request -> key;
  if v_differs is not null then
    raise exception 'the idempotency key was used before, for job % with another %', p_job.id, v_differs using errcode = '23505';
  end if;
  return jsonb_build_object('job_id', p_job.id, 'page_id', p_job.page_id, 'status', p_job.status, 'created', false);
end;
$$;

revoke execute on function pipeline.same_job(pipeline.jobs, jsonb) from public, anon, authenticated;
