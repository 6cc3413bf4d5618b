-- The site's job as its stages see it. Raises P0002 when there is none.
create or replace function pipeline.site_job(p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id;
  if not found then
    raise exception 'there is no site job %', p_job_id using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function pipeline.site_job(uuid) from public, anon, authenticated;
