-- What the API serves of access.list_dead_letters, which checks the caller.
create or replace function public.list_dead_letters(p_filters jsonb default '{}')
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.list_dead_letters(p_filters) $$;

revoke execute on function public.list_dead_letters(jsonb) from public, anon, authenticated;
grant execute on function public.list_dead_letters(jsonb) to authenticated, service_role;
