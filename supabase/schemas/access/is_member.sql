-- Whether the caller reads the whole project: the service, and every member.
create or replace function access.is_member()
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce((select auth.role()) = 'service_role', false)
    or exists (select from access.members as m where m.user_id = (select auth.uid()));
$$;

revoke execute on function access.is_member() from public, anon, authenticated;
grant execute on function access.is_member() to authenticated, service_role;
