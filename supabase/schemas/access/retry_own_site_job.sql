-- Tries the failed pages of an ended site's job once more, and only those: operators of any job, others of their own.
create or replace function access.retry_own_site_job(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from access.matching_jobs('{"pipeline": "site"}'::jsonb) as j where j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  if v_job.user_id is distinct from auth.uid() or auth.uid() is null then
    perform access.require_operator();
  end if;
  return public.retry_site_job(p_job_id);
end;
$$;

revoke execute on function access.retry_own_site_job(uuid) from public, anon, authenticated;
grant execute on function access.retry_own_site_job(uuid) to authenticated, service_role;
