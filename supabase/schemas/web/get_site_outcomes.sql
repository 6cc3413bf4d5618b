-- What the API serves of access.get_site_outcomes, which checks the caller.
create or replace function public.get_site_outcomes(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_site_outcomes(p_job_id) $$;

revoke execute on function public.get_site_outcomes(uuid) from public, anon, authenticated;
grant execute on function public.get_site_outcomes(uuid) to authenticated, service_role;
