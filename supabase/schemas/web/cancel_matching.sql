-- What the API serves of access.cancel_matching, which checks the caller.
create or replace function public.cancel_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.cancel_matching(p_filters, p_expected) $$;

revoke execute on function public.cancel_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function public.cancel_matching(jsonb, bigint) to authenticated, service_role;
