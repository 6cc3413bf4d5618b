-- Who is calling: {user_id, email, role}; role null: a user who sees only their own jobs.
create or replace function access.whoami()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('user_id', auth.uid(), 'email', auth.jwt() ->> 'email',
    'role', case when access.is_operator() then 'operator' when access.is_member() then 'reader' end);
$$;

revoke execute on function access.whoami() from public, anon, authenticated;
grant execute on function access.whoami() to authenticated, service_role;
