-- What the API serves of access.get_analysis_input, which checks the caller.
create or replace function public.get_analysis_input(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_analysis_input(p_job_id) $$;

revoke execute on function public.get_analysis_input(uuid) from public, anon, authenticated;
grant execute on function public.get_analysis_input(uuid) to authenticated, service_role;
