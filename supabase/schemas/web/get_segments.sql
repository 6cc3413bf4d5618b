-- What the API serves of access.get_segments, which checks the caller.
create or replace function public.get_segments(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_segments(p_job_id) $$;

revoke execute on function public.get_segments(uuid) from public, anon, authenticated;
grant execute on function public.get_segments(uuid) to authenticated, service_role;
