-- What the API serves of access.set_member, which checks the caller.
create or replace function public.set_member(p_email text, p_role text)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.set_member(p_email, p_role) $$;

revoke execute on function public.set_member(text, text) from public, anon, authenticated;
grant execute on function public.set_member(text, text) to authenticated, service_role;
