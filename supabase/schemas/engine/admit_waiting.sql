-- Lets those who wait for a lane go on while it has room, the first in line first; how many. The caller holds the lane's lock.
create or replace function pipeline.admit_waiting(p_pipeline text, p_lane text)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_queue text := pipeline.queue_of(p_pipeline);
  v_message pipeline.message;
  v_job pipeline.jobs;
  v_size integer;
  v_count integer := 0;
begin
  loop
    v_message := pipeline.next_in_lane(v_queue, p_lane);
    exit when v_message.msg_id is null;
    select * into v_job from pipeline.jobs as j where j.pipeline = p_pipeline and j.id::text = v_message.message ->> 'job_id';
    select l.size into v_size from pipeline.lane_of(split_part(p_lane, ':', 1), v_job) as l;
    exit when v_job.id is not null and not pipeline.enter_lane(p_lane, coalesce(v_size, 1), p_pipeline, v_job.id);
    perform pipeline.set_message(v_queue, v_message.msg_id, v_message.message - 'asleep' - 'lane', v_now);
    update pipeline.job_stages as s set available_at = v_now
    where s.pipeline = p_pipeline and s.job_id = v_job.id and s.stage = v_message.message ->> 'stage' and s.status = 'queued';
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.admit_waiting(text, text) from public, anon, authenticated;
