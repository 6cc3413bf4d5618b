-- What the API serves of access.retry_own_site_job, which checks the caller.
create or replace function public.retry_own_site_job(p_job_id uuid)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.retry_own_site_job(p_job_id) $$;

revoke execute on function public.retry_own_site_job(uuid) from public, anon, authenticated;
grant execute on function public.retry_own_site_job(uuid) to authenticated, service_role;
