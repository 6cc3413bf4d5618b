-- Takes one visible message off the queue: of p_stage, or of any stage when that is null. Drops what nobody should work on:
-- messages of finished, cancelled or unknown jobs, messages that another one has replaced; buries those whose workers die
-- without a word. Null when nothing is left. A message that names no job is archived and comes back with job_id null.
create or replace function pipeline.take_message(p_pipeline text, p_queue text, p_stage text, p_visibility_seconds integer)
returns pipeline.lease
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_visible_at timestamptz := v_now + make_interval(secs => p_visibility_seconds);
  v_message pipeline.message;
  v_lease pipeline.lease;
  v_work pipeline.work;
  v_stage pipeline.job_stages;
  v_woken pipeline.message;
begin
  v_woken := pipeline.wake_messages(p_queue, v_now);
  loop
    v_message := case
      when p_stage is null then pipeline.read_any_message(p_queue, v_now, v_visible_at)
      else pipeline.read_message(p_queue, p_stage, v_now, v_visible_at)
    end;
    if v_message.msg_id is null then
      return null;
    end if;
    v_lease := null;
    v_lease.msg_id := v_message.msg_id;
    v_lease.read_ct := v_message.read_ct;
    v_lease.message := v_message.message;
    v_lease.pipeline := p_pipeline;
    v_lease.queue := p_queue;
    v_lease.stage := v_lease.message ->> 'stage';

    if coalesce(v_lease.message ->> 'job_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' or v_lease.stage is null then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, null, v_lease.stage, 'unreadable', 'message without job_id acknowledged',
        jsonb_build_object('msg_id', v_lease.msg_id));
      return v_lease;
    end if;
    v_lease.job_id := (v_lease.message ->> 'job_id')::uuid;

    -- Who holds a job without its message may wait for what this transaction holds: the message comes again in a second.
    v_work := pipeline.try_work(p_pipeline, v_lease.job_id, v_lease.stage);
    if v_work.job_id is null then
      if exists (select from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = v_lease.job_id) then
        perform pipeline.set_message(p_queue, v_lease.msg_id, v_lease.message, v_now + interval '1 second');
      else
        perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
          'unknown_job', null, v_lease.read_ct);
      end if;
      continue;
    end if;

    if v_work.stage is null and v_work.is_open then
      v_stage := pipeline.adopt_message(p_pipeline, v_lease.job_id, v_lease.stage, v_message, p_visibility_seconds);
      v_work.attempt_count := v_stage.attempt_count;
      v_work.max_attempts := v_stage.max_attempts;
    elsif not v_work.is_open or v_work.stage_status in ('cancelled', 'failed') or v_work.msg_id is distinct from v_lease.msg_id
      -- Completed step by step, and then the worker died before it queued the next stage: the work is to be done again.
      or (v_work.stage_status = 'completed' and exists (
        select from pipeline.job_stages as o
        where o.pipeline = p_pipeline and o.job_id = v_lease.job_id and o.status in ('queued', 'processing')))
    then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, v_work.job_id, v_lease.stage, 'superseded',
        'message without standing archived', jsonb_build_object('msg_id', v_lease.msg_id));
      continue;
    elsif v_work.stage_status = 'processing' then
      v_stage := pipeline.note_silence(p_queue, v_message, pipeline.find_stage(p_pipeline, v_lease.job_id, v_lease.stage));
      continue when v_stage.status = 'failed';
    elsif v_work.attempt_count >= v_work.max_attempts then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'max_attempts_exceeded', null, v_work.attempt_count);
      continue;
    end if;

    v_lease.status := 'held';
    v_lease.page_id := v_work.page_id;
    v_lease.user_id := v_work.user_id;
    v_lease.attempt_count := v_work.attempt_count;
    v_lease.max_attempts := v_work.max_attempts;
    return v_lease;
  end loop;
end;
$$;

revoke execute on function pipeline.take_message(text, text, text, integer) from public, anon, authenticated;
