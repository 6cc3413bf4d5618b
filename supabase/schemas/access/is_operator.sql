-- Whether the caller may start, cancel, replay and pause: the service, and operators.
create or replace function access.is_operator()
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce((select auth.role()) = 'service_role', false)
    or exists (select from access.members as m where m.user_id = (select auth.uid()) and m.role = 'operator');
$$;

revoke execute on function access.is_operator() from public, anon, authenticated;
grant execute on function access.is_operator() to authenticated, service_role;
