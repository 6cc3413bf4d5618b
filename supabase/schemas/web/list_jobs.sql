-- What the API serves of access.list_jobs, which checks the caller.
create or replace function public.list_jobs(p_filters jsonb default '{}', p_limit integer default 50, p_cursor text default null)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.list_jobs(p_filters, p_limit, p_cursor) $$;

revoke execute on function public.list_jobs(jsonb, integer, text) from public, anon, authenticated;
grant execute on function public.list_jobs(jsonb, integer, text) to authenticated, service_role;
