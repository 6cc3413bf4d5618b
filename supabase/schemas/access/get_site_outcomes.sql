-- What was counted before and after the edits of a site's job that were made, of a job that the caller may see; as site_outcomes.
create or replace function access.get_site_outcomes(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if not exists (select from access.matching_jobs('{"pipeline": "site"}'::jsonb) as j where j.id = p_job_id) then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return public.site_outcomes(p_job_id);
end;
$$;

revoke execute on function access.get_site_outcomes(uuid) from public, anon, authenticated;
grant execute on function access.get_site_outcomes(uuid) to authenticated, service_role;
