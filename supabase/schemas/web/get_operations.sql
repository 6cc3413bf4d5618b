-- What the API serves of access.get_operations, which checks the caller.
create or replace function public.get_operations()
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_operations() $$;

revoke execute on function public.get_operations() from public, anon, authenticated;
grant execute on function public.get_operations() to authenticated, service_role;
