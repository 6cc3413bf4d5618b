-- A job that the caller may change: operators any, others their own. Raises P0002 for one that they may not see.
create or replace function access.own_job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job(p_pipeline, p_job_id);
begin
  if v_job.user_id is distinct from auth.uid() or auth.uid() is null then
    perform access.require_operator();
  end if;
  return v_job;
end;
$$;

revoke execute on function access.own_job(text, uuid) from public, anon, authenticated;
