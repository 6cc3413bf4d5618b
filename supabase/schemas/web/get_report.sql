-- What the API serves of access.get_report, which checks the caller.
create or replace function public.get_report(p_job_id uuid)
returns json
language sql
stable
set search_path = ''
as $$ select access.get_report(p_job_id) $$;

revoke execute on function public.get_report(uuid) from public, anon, authenticated;
grant execute on function public.get_report(uuid) to authenticated, service_role;
