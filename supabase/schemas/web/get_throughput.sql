-- What the API serves of access.get_throughput, which checks the caller.
create or replace function public.get_throughput(p_hours integer default 48)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_throughput(p_hours) $$;

revoke execute on function public.get_throughput(integer) from public, anon, authenticated;
grant execute on function public.get_throughput(integer) to authenticated, service_role;
