-- Raises unless the caller is a member.
create or replace function access.require_member()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not access.is_member() then
    raise exception 'only members of this project may see this' using errcode = '42501', hint = 'An operator can add you.';
  end if;
end;
$$;

revoke execute on function access.require_member() from public, anon, authenticated;
grant execute on function access.require_member() to authenticated, service_role;
