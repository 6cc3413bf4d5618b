-- Tries the failed pages of an ended site's job once more, and only those: operators of any job, others of their own.
create or replace function access.retry_own_site_job(p_job_id uuid)
returns jsonb
language sql
security definer
set search_path = ''
as $$ select public.retry_site_job((access.own_job('site', p_job_id)).id) $$;

revoke execute on function access.retry_own_site_job(uuid) from public, anon, authenticated;
grant execute on function access.retry_own_site_job(uuid) to authenticated, service_role;
