-- A job's place among the owners, given to it when it has none: behind its owner's own of at least its priority, and level
-- with whoever is served least.
create or replace function pipeline.place_job(p_job pipeline.jobs)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_share bigint;
begin
  select s.share into v_share from pipeline.job_shares as s where s.pipeline = p_job.pipeline and s.job_id = p_job.id;
  if found then
    return v_share;
  elsif p_job.user_id is null then
    select s.share into v_share from pipeline.job_shares as s
    where s.pipeline = p_job.pipeline and s.user_id is null and s.priority >= p_job.priority order by s.share desc limit 1;
  else
    select s.share into v_share from pipeline.job_shares as s
    where s.pipeline = p_job.pipeline and s.user_id = p_job.user_id and s.priority >= p_job.priority order by s.share desc limit 1;
  end if;
  v_share := greatest(v_share + 1, (
    select s.share from pipeline.job_shares as s where s.pipeline = p_job.pipeline order by s.share limit 1), 0);
  insert into pipeline.job_shares (pipeline, job_id, user_id, priority, share)
  values (p_job.pipeline, p_job.id, p_job.user_id, p_job.priority, v_share);
  return v_share;
end;
$$;

revoke execute on function pipeline.place_job(pipeline.jobs) from public, anon, authenticated;
