-- What the API serves of access.replay_matching, which checks the caller.
create or replace function public.replay_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.replay_matching(p_filters, p_expected) $$;

revoke execute on function public.replay_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function public.replay_matching(jsonb, bigint) to authenticated, service_role;
