-- Cancels one job: operators any, others their own.
create or replace function access.cancel_own_job(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
security definer
set search_path = ''
as $$ select public.cancel_job(p_pipeline, (access.own_job(p_pipeline, p_job_id)).id) $$;

revoke execute on function access.cancel_own_job(text, uuid) from public, anon, authenticated;
grant execute on function access.cancel_own_job(text, uuid) to authenticated, service_role;
