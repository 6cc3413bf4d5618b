-- What the API serves of access.count_open_jobs, which checks the caller.
create or replace function public.count_open_jobs(p_filters jsonb)
returns bigint
language sql
stable
set search_path = ''
as $$ select access.count_open_jobs(p_filters) $$;

revoke execute on function public.count_open_jobs(jsonb) from public, anon, authenticated;
grant execute on function public.count_open_jobs(jsonb) to authenticated, service_role;
