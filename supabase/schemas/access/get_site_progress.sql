-- How far a site's job is that the caller may see.
create or replace function access.get_site_progress(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.site_progress((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_progress(uuid) from public, anon, authenticated;
grant execute on function access.get_site_progress(uuid) to authenticated, service_role;
