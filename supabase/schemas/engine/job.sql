-- A job as its stages see it. Raises P0002 when there is none.
create or replace function pipeline.job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, p_pipeline using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function pipeline.job(text, uuid) from public, anon, authenticated;
