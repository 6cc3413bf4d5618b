-- What ends with a job, whoever ends it: the next of each of its lanes goes on, and a parent with no other open child is
-- woken.
create or replace function pipeline.close_job()
returns trigger
language plpgsql
security definer -- a step-by-step worker ends a job by updating its row
set search_path = ''
as $$
declare
  v_lane text;
  v_parent record;
begin
  delete from pipeline.job_shares as s where s.pipeline = new.pipeline and s.job_id = new.id;
  for v_lane in
    select h.lane from pipeline.lane_holders as h where h.pipeline = new.pipeline and h.job_id = new.id order by h.lane
  loop
    perform pg_advisory_xact_lock(hashtextextended('lane:' || v_lane, 0));
    delete from pipeline.lane_holders as h where h.lane = v_lane and h.job_id = new.id;
    perform pipeline.admit_waiting(new.pipeline, v_lane);
  end loop;
  if new.parent_id is not null then
    -- With the parent's message in hand two last children cannot each take the other for open.
    for v_parent in
      select s.stage, pipeline.lock_own_message(pipeline.queue_of(new.parent_pipeline), s.msg_id, s.job_id, s.stage)
      from pipeline.job_stages as s
      where s.pipeline = new.parent_pipeline and s.job_id = new.parent_id and s.status in ('queued', 'processing')
    loop
      if not exists (select from pipeline.jobs as j where j.parent_id = new.parent_id and j.is_open) then
        perform pipeline.wake_stage(new.parent_pipeline, new.parent_id, v_parent.stage);
      end if;
    end loop;
  end if;
  return null;
end;
$$;

revoke execute on function pipeline.close_job() from public, anon, authenticated;
