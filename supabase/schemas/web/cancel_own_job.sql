-- What the API serves of access.cancel_own_job, which checks the caller.
create or replace function public.cancel_own_job(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.cancel_own_job(p_pipeline, p_job_id) $$;

revoke execute on function public.cancel_own_job(text, uuid) from public, anon, authenticated;
grant execute on function public.cancel_own_job(text, uuid) to authenticated, service_role;
