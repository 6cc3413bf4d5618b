-- The plan of a site's job that the caller may see; null before there is one.
create or replace function access.get_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.get_site_report((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_plan(uuid) from public, anon, authenticated;
grant execute on function access.get_site_plan(uuid) to authenticated, service_role;
