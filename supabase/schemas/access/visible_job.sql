-- A job that the caller may see: members any, others their own. Raises P0002 for every other.
create or replace function access.visible_job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from access.matching_jobs(jsonb_build_object('pipeline', p_pipeline)) as j where j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function access.visible_job(text, uuid) from public, anon, authenticated;
