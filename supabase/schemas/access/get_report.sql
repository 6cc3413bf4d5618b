-- The report of a job that the caller may see.
create or replace function access.get_report(p_job_id uuid)
returns json
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if not exists (select from access.matching_jobs('{}'::jsonb) as j where j.id = p_job_id) then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return pipeline.pageperfect_report(p_job_id, jsonb_build_object('decisions', (
    select coalesce(jsonb_agg(to_jsonb(d) order by d.edit_id), '[]'::jsonb) from access.edit_decisions as d where d.job_id = p_job_id)));
end;
$$;

revoke execute on function access.get_report(uuid) from public, anon, authenticated;
grant execute on function access.get_report(uuid) to authenticated, service_role;
