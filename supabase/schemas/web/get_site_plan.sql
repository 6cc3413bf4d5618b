-- What the API serves of access.get_site_plan, which checks the caller.
create or replace function public.get_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_site_plan(p_job_id) $$;

revoke execute on function public.get_site_plan(uuid) from public, anon, authenticated;
grant execute on function public.get_site_plan(uuid) to authenticated, service_role;
