-- The step-by-step interface of functions/_shared: queue and stage operations one at a time, for workers that are
-- written as dequeue -> start -> work -> complete -> enqueue next -> ack, on any pipeline.
-- Every step is safe to repeat; between two steps a worker may die, and the lease brings the message back.

create or replace function public.enqueue_stage(
  p_queue text, p_job_id uuid, p_stage text, p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0, p_delay_seconds integer default 0
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
begin
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, v_pipeline using errcode = 'P0002';
  end if;
  return pipeline.queue_stage(v_pipeline, p_job_id, p_stage, p_payload, p_priority,
    make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)));
end;
$$;

-- The next message of any stage, or null.
create or replace function public.dequeue_stage(p_queue text, p_visibility_seconds integer default 600)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.take_message(
    pipeline.pipeline_of(p_queue), p_queue, null, greatest(coalesce(p_visibility_seconds, 600), 1));
begin
  if v_lease.msg_id is null then
    return null;
  end if;
  return jsonb_build_object('msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'message', v_lease.message);
end;
$$;

-- Archives a message; false when it was gone already.
create or replace function public.ack_message(p_queue text, p_msg_id bigint)
returns boolean
language sql
security definer
set search_path = ''
as $$
  select pgmq.archive(p_queue, p_msg_id);
$$;

create or replace function public.extend_message_visibility(p_queue text, p_msg_id bigint, p_seconds integer default 300)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null then
    return false;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, v_message.message, v_until);
  update pipeline.job_stages as s set lease_expires_at = v_until
  where s.pipeline = pipeline.pipeline_of(p_queue) and s.msg_id = p_msg_id and s.status = 'processing'
    and s.job_id::text = v_message.message ->> 'job_id';
  return true;
end;
$$;

-- Puts the message back for later, with its place in line and its attempts. Returns its id, null when it is gone.
create or replace function public.requeue_stage(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_payload jsonb default null,
  p_delay_seconds integer default 0, p_priority integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := v_now + make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null then
    return null;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, pipeline.put_to_sleep(
    v_message.message
      || case when p_payload is null then '{}'::jsonb else jsonb_build_object('payload', p_payload) end
      || case when p_priority is null then '{}'::jsonb else jsonb_build_object('priority', p_priority) end,
    v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', last_queued_at = v_now
  where pipeline = v_pipeline and id = p_job_id and status = 'processing';
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, available_at = v_until,
      next_retry_at = case when attempt_count > 0 then v_until end, priority = coalesce(p_priority, priority)
  where pipeline = v_pipeline and job_id = p_job_id and stage = p_stage and msg_id = p_msg_id
    and status in ('queued', 'processing');
  perform pipeline.log_event(v_pipeline, p_job_id, p_stage, 'requeued', format('%s requeued', p_stage),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', coalesce(p_delay_seconds, 0)));
  return p_msg_id;
end;
$$;

-- Moves a message to the dead letters; moving it twice gives the same letter.
create or replace function public.dead_letter_message(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_message jsonb,
  p_reason text, p_details jsonb default null, p_attempt_count integer default 0
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_id bigint;
begin
  if (pipeline.lock_message(p_queue, p_msg_id)).msg_id is null then
    select d.id into v_id from pipeline.dead_letters as d
    where d.pipeline = v_pipeline and d.msg_id = p_msg_id and d.job_id is not distinct from p_job_id;
    return v_id;
  end if;
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  return pipeline.bury(v_pipeline, p_queue, p_msg_id, p_message, p_job_id, p_stage, p_reason, p_details, p_attempt_count);
end;
$$;

-- Counts an attempt of a stage whose message this worker holds.
create or replace function public.start_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
begin
  v_lease.pipeline := p_pipeline;
  v_lease.queue := pipeline.queue_of(p_pipeline);
  v_lease.job_id := p_job_id;
  v_lease.stage := p_stage;
  select s.msg_id into v_lease.msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  v_message := pipeline.lock_message(v_lease.queue, v_lease.msg_id);
  v_lease.read_ct := v_message.read_ct;
  perform 1 from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  v_stage := pipeline.begin_attempt(v_lease, v_message.vt);
  return jsonb_build_object(
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'priority', v_stage.priority);
end;
$$;

-- Marks a stage as done; false when it was not running.
create or replace function public.complete_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  perform 1 from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  update pipeline.job_stages
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage and status = 'processing'
  returning * into v_stage;
  if not found then
    return false;
  end if;
  update pipeline.jobs set last_completed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'completed', format('%s completed', p_stage),
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_stage.msg_id,
      'duration_ms', round(extract(epoch from v_now - v_stage.started_at) * 1000)));
  return true;
end;
$$;

-- Records why the running attempt failed; what happens next (requeue or dead letter) is the worker's next step.
create or replace function public.record_stage_failure(p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.jobs set last_failed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  update pipeline.job_stages set last_error = p_error
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
  returning * into v_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'failed', format('%s failed: %s', p_stage, p_error ->> 'message'),
    jsonb_build_object('attempt', v_stage.attempt_count, 'error', p_error));
  return jsonb_build_object('attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts);
end;
$$;
