-- What the API serves of access.whoami, which checks the caller.
create or replace function public.whoami()
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.whoami() $$;

revoke execute on function public.whoami() from public, anon, authenticated;
grant execute on function public.whoami() to authenticated, service_role;
