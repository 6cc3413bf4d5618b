-- What the API serves of access.get_costs, which checks the caller.
create or replace function public.get_costs(p_days integer default 30)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_costs(p_days) $$;

revoke execute on function public.get_costs(integer) from public, anon, authenticated;
grant execute on function public.get_costs(integer) to authenticated, service_role;
