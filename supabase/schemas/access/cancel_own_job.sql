-- Cancels one job: operators any, others their own.
create or replace function access.cancel_own_job(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from access.matching_jobs(jsonb_build_object('pipeline', p_pipeline)) as j where j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  if v_job.user_id is distinct from auth.uid() or auth.uid() is null then
    perform access.require_operator();
  end if;
  return public.cancel_job(p_pipeline, p_job_id);
end;
$$;

revoke execute on function access.cancel_own_job(text, uuid) from public, anon, authenticated;
grant execute on function access.cancel_own_job(text, uuid) to authenticated, service_role;
