-- Sends the message of a stage and makes the stage row its owner. A message the stage already had loses its standing
-- (claims drop it), but the new one keeps its place in line, and its attempts; a stage that was completed before begins a
-- new turn with fresh ones. A stage whose lane is full waits, at no cost, until there is room.
create or replace function pipeline.queue_stage(
  p_pipeline text,
  p_job_id uuid,
  p_stage text,
  p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0,
  p_delay interval default '0',
  p_rank bigint default null,
  p_is_logged boolean default true
)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_visible_at timestamptz := v_now + p_delay;
  v_config pipeline.stage_config;
  v_queue text;
  v_job pipeline.jobs;
  v_old pipeline.job_stages;
  v_message jsonb;
  v_lane text;
  v_size integer;
  v_msg_id bigint;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  v_queue := coalesce(v_config.queue, pipeline.queue_of(p_pipeline));

  v_job := pipeline.mark_queued(p_pipeline, p_job_id, p_stage, v_now);
  v_message := jsonb_build_object(
    'job_id', p_job_id, 'stage', p_stage, 'payload', coalesce(p_payload, '{}'::jsonb),
    'priority', coalesce(p_priority, 0),
    'rank', coalesce(p_rank, pipeline.rank_of(pipeline.place_job(v_job), v_job.created_at, p_priority)));
  if v_job.traceparent is not null then
    v_message := v_message || jsonb_build_object('traceparent', v_job.traceparent);
  end if;
  v_old := pipeline.find_stage(p_pipeline, p_job_id, p_stage);
  if v_old.status in ('queued', 'processing') then
    -- Handed on by somebody who does not work this stage. Not locked: messages are locked before jobs.
    v_message := v_message || jsonb_build_object('turn', 1 + coalesce((
      select (m.message ->> 'turn')::integer from pipeline.find_message(v_queue, v_old.msg_id) as m
      where m.message ->> 'job_id' = p_job_id::text), 0));
  end if;
  v_message := pipeline.put_to_sleep(v_message, v_visible_at, v_now);
  if v_config.lane is not null then
    select l.lane, l.size into v_lane, v_size from pipeline.lane_of(v_config.lane, v_job) as l;
    if v_lane is not null and v_size is not null and not pipeline.enter_lane(v_lane, v_size, p_pipeline, p_job_id) then
      v_visible_at := 'infinity';
      v_message := pipeline.put_to_sleep(v_message, v_visible_at, v_now) || jsonb_build_object('lane', v_lane);
    end if;
  end if;
  if v_old.stage is null then
    v_msg_id := pipeline.send_stage(p_pipeline, p_job_id, p_stage, v_message, v_config, v_visible_at, v_now);
  else
    v_msg_id := (pipeline.send_message(v_queue, v_message, v_visible_at)).msg_id;
    update pipeline.job_stages as s
    set status = 'queued', msg_id = v_msg_id, read_ct = null, lease_expires_at = null,
        priority = coalesce(p_priority, 0), available_at = v_visible_at, queued_at = v_now, finished_at = null,
        attempt_count = case when s.status = 'completed' then 0 else s.attempt_count end,
        silent_count = case when s.status = 'completed' then 0 else s.silent_count end
    where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  end if;

  if p_is_logged then
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'queued', format('%s queued', p_stage),
      jsonb_build_object('msg_id', v_msg_id, 'priority', coalesce(p_priority, 0)));
  end if;
  return v_msg_id;
end;
$$;

revoke execute on function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval, bigint, boolean) from public, anon, authenticated;
