-- What the API serves of access.list_members, which checks the caller.
create or replace function public.list_members()
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.list_members() $$;

revoke execute on function public.list_members() from public, anon, authenticated;
grant execute on function public.list_members() to authenticated, service_role;
