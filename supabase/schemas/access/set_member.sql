-- Makes the user with this email address a reader or operator; a role of null takes the membership away.
create or replace function access.set_member(p_email text, p_role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid;
begin
  perform access.require_operator();
  select u.id into v_user_id from auth.users as u where lower(u.email) = lower(btrim(p_email));
  if not found then
    raise exception 'nobody with the address % has signed in yet', p_email using errcode = 'P0002',
      hint = 'Invite them in Supabase, Authentication, Users.';
  end if;
  if p_role is null then
    delete from access.members as m where m.user_id = v_user_id;
  else
    insert into access.members as m (user_id, role) values (v_user_id, p_role)
    on conflict (user_id) do update set role = excluded.role;
  end if;
  return access.list_members();
end;
$$;

revoke execute on function access.set_member(text, text) from public, anon, authenticated;
grant execute on function access.set_member(text, text) to authenticated, service_role;
