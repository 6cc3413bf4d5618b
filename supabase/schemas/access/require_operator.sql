-- Raises unless the caller is an operator.
create or replace function access.require_operator()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not access.is_operator() then
    raise exception 'only operators of this project may do this' using errcode = '42501', hint = 'An operator can make you one.';
  end if;
end;
$$;

revoke execute on function access.require_operator() from public, anon, authenticated;
grant execute on function access.require_operator() to authenticated, service_role;
