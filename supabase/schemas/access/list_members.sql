-- Everybody who sees the project: [{user_id, email, role, created_at}].
create or replace function access.list_members()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'email', u.email, 'role', m.role, 'created_at', m.created_at)
      order by m.created_at, m.user_id), '[]'::jsonb)
    from access.members as m join auth.users as u on u.id = m.user_id);
end;
$$;

revoke execute on function access.list_members() from public, anon, authenticated;
grant execute on function access.list_members() to authenticated, service_role;
