-- What the API serves of access.get_job_timeline, which checks the caller.
create or replace function public.get_job_timeline(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_job_timeline(p_pipeline, p_job_id) $$;

revoke execute on function public.get_job_timeline(text, uuid) from public, anon, authenticated;
grant execute on function public.get_job_timeline(text, uuid) to authenticated, service_role;
