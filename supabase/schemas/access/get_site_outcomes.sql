-- What was counted before and after the edits of a site's job that were made, of a job that the caller may see; as site_outcomes.
create or replace function access.get_site_outcomes(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.site_outcomes((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_outcomes(uuid) from public, anon, authenticated;
grant execute on function access.get_site_outcomes(uuid) to authenticated, service_role;
