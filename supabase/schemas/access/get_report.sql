-- The report of a job that the caller may see.
create or replace function access.get_report(p_job_id uuid)
returns json
language sql
stable
security definer
set search_path = ''
as $$
  select pipeline.pageperfect_report((access.visible_job('pageperfect', p_job_id)).id, jsonb_build_object('decisions', (
    select coalesce(jsonb_agg(to_jsonb(d) order by d.edit_id), '[]'::jsonb) from access.edit_decisions as d where d.job_id = p_job_id)));
$$;

revoke execute on function access.get_report(uuid) from public, anon, authenticated;
grant execute on function access.get_report(uuid) to authenticated, service_role;
