-- What the API serves of access.set_stages_enabled, which checks the caller.
create or replace function public.set_stages_enabled(p_pipeline text, p_stages text[], p_enabled boolean)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.set_stages_enabled(p_pipeline, p_stages, p_enabled) $$;

revoke execute on function public.set_stages_enabled(text, text[], boolean) from public, anon, authenticated;
grant execute on function public.set_stages_enabled(text, text[], boolean) to authenticated, service_role;
