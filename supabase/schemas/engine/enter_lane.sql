-- Whether the job may begin a stage with this lane: it holds the lane, or there was room and it does now.
create or replace function pipeline.enter_lane(p_lane text, p_size integer, p_pipeline text, p_job_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from pipeline.lane_holders as h where h.lane = p_lane and h.job_id = p_job_id) then
    return true;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('lane:' || p_lane, 0));
  if p_size <= (select count(*) from pipeline.lane_holders as h where h.lane = p_lane) then
    return false;
  end if;
  insert into pipeline.lane_holders (lane, pipeline, job_id, held_at) values (p_lane, p_pipeline, p_job_id, pipeline.now());
  return true;
end;
$$;

revoke execute on function pipeline.enter_lane(text, integer, text, uuid) from public, anon, authenticated;
