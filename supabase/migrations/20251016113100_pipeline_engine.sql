-- The engine: claim, extend, defer, commit, fail. Each is one transaction.
--
-- Delivery is at least once, effects are exactly once: whoever changes a stage names its lease
-- (msg_id, read_ct), and pgmq raises read_ct at each delivery, so a worker that lost its lease changes nothing.
--
-- Locks are always taken in one order: queue message, job, stage.
--
-- Functions on the path of every transition plan once a connection (force_generic_plan; left to itself, Postgres plans
-- each statement on a partitioned table anew) and without sequential scans (see pipeline.write_queue_functions).
--
-- Public functions run with their owner's rights because pgmq and the schema `pipeline` stay closed to the API
-- roles; only service_role may execute them.

do $$
begin
  if to_regtype('pipeline.lease') is null then
    create type pipeline.lease as (
      status text, -- held | lease_lost | cancelled
      pipeline text,
      queue text,
      job_id uuid,
      page_id uuid,
      stage text,
      msg_id bigint,
      read_ct integer,
      message jsonb,
      attempt_count integer,
      max_attempts integer,
      started_at timestamptz
    );
  end if;
end;
$$;

alter table pipeline.stage_config add column if not exists retry_hook text
  constraint stage_config_retry_hook_check check (retry_hook ~ '^pipeline\.[a-z_]+$');
comment on column pipeline.stage_config.retry_hook is
  'Function (job_id uuid, delay interval) run in the transaction that schedules a retry of the stage';

create or replace function pipeline.log_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into pipeline.job_events (pipeline, job_id, stage, status, message, metadata, created_at)
  values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), pipeline.now());
end;
$$;

create or replace function pipeline.pipeline_of(p_queue text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pipeline text;
begin
  select p.pipeline into v_pipeline from pipeline.pipelines as p where p.queue = p_queue;
  if not found then
    raise exception 'queue % belongs to no pipeline', p_queue
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_pipeline;
end;
$$;

create or replace function pipeline.queue_of(p_pipeline text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_queue text;
begin
  select p.queue into v_queue from pipeline.pipelines as p where p.pipeline = p_pipeline;
  if not found then
    raise exception 'there is no pipeline %', p_pipeline
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_queue;
end;
$$;

-- A message that is to be visible at p_visible_at, marked as asleep until then (see write_queue_functions).
create or replace function pipeline.put_to_sleep(p_message jsonb, p_visible_at timestamptz, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_visible_at > p_now then p_message || jsonb_build_object('asleep', pipeline.wake_time(p_visible_at))
    else p_message - 'asleep'
  end;
end;
$$;

-- Sends the message of a stage and makes the stage row its owner. A message the stage already had loses
-- its standing (claims drop it), but the new one keeps its place in line; attempts are kept.
create or replace function pipeline.queue_stage(
  p_pipeline text,
  p_job_id uuid,
  p_stage text,
  p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0,
  p_delay interval default '0'
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
  v_traceparent text;
  v_message jsonb;
  v_old_msg_id bigint;
  v_old pipeline.message;
  v_msg_id bigint;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  v_queue := coalesce(v_config.queue, pipeline.queue_of(p_pipeline));

  update pipeline.jobs
  set stage = p_stage, status = 'queued', last_queued_at = v_now, first_queued_at = coalesce(first_queued_at, v_now)
  where pipeline = p_pipeline and id = p_job_id
  returning traceparent into v_traceparent;

  v_message := jsonb_build_object(
    'job_id', p_job_id, 'stage', p_stage, 'payload', coalesce(p_payload, '{}'::jsonb),
    'priority', coalesce(p_priority, 0), 'enqueued_at', v_now);
  if v_traceparent is not null then
    v_message := v_message || jsonb_build_object('traceparent', v_traceparent);
  end if;
  select s.msg_id into v_old_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if v_old_msg_id is not null then
    v_old := pipeline.find_message(v_queue, v_old_msg_id); -- not locked: messages are locked before jobs
    if v_old.msg_id is not null then
      v_message := v_message || jsonb_build_object('seq', coalesce((v_old.message ->> 'seq')::bigint, v_old.msg_id));
    end if;
  end if;
  v_msg_id := (pipeline.send_message(v_queue, pipeline.put_to_sleep(v_message, v_visible_at, v_now), v_visible_at)).msg_id;

  insert into pipeline.job_stages as s (
    pipeline, job_id, stage, status, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    priority, visibility_timeout_seconds, available_at, queued_at
  ) values (
    p_pipeline, p_job_id, p_stage, 'queued', v_msg_id,
    coalesce(v_config.max_attempts, 5), coalesce(v_config.retry_delay_seconds, 10),
    coalesce(v_config.max_retry_delay_seconds, 900), coalesce(p_priority, 0),
    coalesce(v_config.visibility_seconds, 600), v_visible_at, v_now
  )
  on conflict (pipeline, job_id, stage) do update
  set status = 'queued', msg_id = excluded.msg_id, read_ct = null, lease_expires_at = null,
      priority = excluded.priority, available_at = excluded.available_at, queued_at = excluded.queued_at,
      finished_at = null;

  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'queued', format('%s queued', p_stage),
    jsonb_build_object('msg_id', v_msg_id, 'priority', coalesce(p_priority, 0)));
  return v_msg_id;
end;
$$;

-- Ends a message as a dead letter: the letter, the failed stage and job, the event; the message goes.
-- p_job_id may be null (a message that names no job).
create or replace function pipeline.bury(
  p_pipeline text, p_queue text, p_msg_id bigint, p_message jsonb, p_job_id uuid, p_stage text,
  p_reason text, p_details jsonb, p_attempt_count integer
)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_id bigint;
begin
  insert into pipeline.dead_letters (
    pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at
  ) values (
    p_pipeline, p_queue, p_msg_id, p_job_id, p_stage, coalesce(p_message, '{}'::jsonb), p_reason, p_details,
    coalesce(p_attempt_count, 0), v_now
  ) returning id into v_id;

  update pipeline.job_stages
  set status = 'failed', finished_at = v_now, lease_expires_at = null, next_retry_at = null,
      last_error = coalesce(p_details, last_error), dead_lettered_at = v_now, dead_letter_reason = p_reason
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;

  update pipeline.jobs
  set status = 'failed', last_failed_at = v_now, last_dead_letter_at = v_now,
      error = jsonb_build_object('stage', p_stage, 'reason', p_reason) || coalesce(p_details, '{}'::jsonb)
  where pipeline = p_pipeline and id = p_job_id;

  perform pipeline.delete_message(p_queue, p_msg_id);
  perform pipeline.log_event(p_pipeline, j.id, p_stage, 'dead_lettered', format('%s dead-lettered: %s', p_stage, p_reason),
    jsonb_build_object('dead_letter_id', v_id, 'msg_id', p_msg_id, 'attempt', p_attempt_count, 'reason', p_reason))
  from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id;
  return v_id;
end;
$$;

-- Takes one visible message off the queue, as pgmq.read does but by priority then age, and, when p_stage is
-- given, only that stage's, through the claim index. Drops what nobody should work on: messages of finished,
-- cancelled or unknown jobs, messages that another one has replaced; buries those whose attempts are used up
-- (a worker that dies without a word ends there). Null when nothing is left.
-- A message that names no job is archived and comes back with job_id null.
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
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
begin
  perform pipeline.wake_messages(p_queue, v_now);
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

    select * into v_job from pipeline.jobs as j
    where j.pipeline = p_pipeline and j.id = v_lease.job_id for update;
    if not found then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'unknown_job', null, v_lease.read_ct);
      continue;
    end if;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = p_pipeline and s.job_id = v_lease.job_id and s.stage = v_lease.stage for update;

    if not found then
      -- Sent by hand with pgmq.send: adopt it.
      insert into pipeline.job_stages (
        pipeline, job_id, stage, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
        priority, visibility_timeout_seconds)
      select p_pipeline, v_lease.job_id, v_lease.stage, v_lease.msg_id,
        coalesce(c.max_attempts, 5), coalesce(c.retry_delay_seconds, 10), coalesce(c.max_retry_delay_seconds, 900),
        coalesce((v_lease.message ->> 'priority')::integer, 0), p_visibility_seconds
      from (select) as one
      left join pipeline.stage_config as c on c.pipeline = p_pipeline and c.stage = v_lease.stage
      returning * into v_stage;
    elsif v_job.status in ('completed', 'cancelled', 'failed') or v_stage.status in ('completed', 'cancelled', 'failed')
        or v_stage.msg_id is distinct from v_lease.msg_id then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'superseded',
        'message without standing archived', jsonb_build_object('msg_id', v_lease.msg_id));
      continue;
    elsif v_stage.attempt_count >= v_stage.max_attempts then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'worker_died', coalesce(v_stage.last_error, '{}'::jsonb)
          || jsonb_build_object('message', 'every attempt ended without a report'), v_stage.attempt_count);
      continue;
    end if;

    v_lease.status := 'held';
    v_lease.page_id := v_job.page_id;
    v_lease.attempt_count := v_stage.attempt_count;
    v_lease.max_attempts := v_stage.max_attempts;
    return v_lease;
  end loop;
end;
$$;

-- Counts the attempt and marks the stage as running under the lease (the caller holds the locks).
create or replace function pipeline.begin_attempt(p_lease pipeline.lease, p_lease_expires_at timestamptz)
returns pipeline.job_stages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.job_stages
  set status = 'processing', attempt_count = attempt_count + 1, started_at = v_now, finished_at = null,
      read_ct = p_lease.read_ct, lease_expires_at = p_lease_expires_at, next_retry_at = null, wake_requested_at = null
  where pipeline = p_lease.pipeline and job_id = p_lease.job_id and stage = p_lease.stage
  returning * into v_stage;

  update pipeline.jobs
  set status = 'processing', stage = p_lease.stage, attempt_count = attempt_count + 1, last_dequeued_at = v_now
  where pipeline = p_lease.pipeline and id = p_lease.job_id;

  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'started',
    format('%s started', p_lease.stage),
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', p_lease.msg_id,
      'waited_ms', round(extract(epoch from v_now - greatest(v_stage.queued_at, v_stage.available_at)) * 1000)));
  return v_stage;
end;
$$;

-- The lease with its rows locked, and whether it still holds.
create or replace function pipeline.lock_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_message pipeline.message;
  v_lease pipeline.lease;
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
begin
  v_lease.status := 'lease_lost';
  v_lease.pipeline := p_pipeline;
  v_lease.queue := pipeline.queue_of(p_pipeline);
  v_message := pipeline.lock_message(v_lease.queue, p_msg_id);
  if v_message.msg_id is null or v_message.read_ct <> p_read_ct then
    return v_lease;
  end if;
  v_lease.msg_id := v_message.msg_id;
  v_lease.read_ct := v_message.read_ct;
  v_lease.message := v_message.message;

  select * into v_job from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = (v_lease.message ->> 'job_id')::uuid for update;
  select * into v_stage from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = v_job.id and s.stage = v_lease.message ->> 'stage' for update;
  v_lease.job_id := v_job.id;
  v_lease.page_id := v_job.page_id;
  v_lease.stage := v_stage.stage;
  v_lease.attempt_count := v_stage.attempt_count;
  v_lease.max_attempts := v_stage.max_attempts;
  v_lease.started_at := v_stage.started_at;
  if v_job.status = 'cancelled' then
    v_lease.status := 'cancelled';
    -- Cancelling takes no message that is held.
    perform pgmq.delete(v_lease.queue, p_msg_id);
  elsif v_stage.status = 'processing' and v_stage.msg_id = p_msg_id and v_stage.read_ct = p_read_ct then
    v_lease.status := 'held';
  end if;
  return v_lease;
end;
$$;

-- Finishes a stage: hands its facts on, records it, and sends the next stage's message (or completes the job)
-- as it takes the old one away. The caller has checked the lease and written the stage's output rows.
create or replace function pipeline.finish_stage(
  p_lease pipeline.lease,
  p_facts jsonb default '{}'::jsonb,
  p_result jsonb default null
)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_duration_ms bigint := round(extract(epoch from v_now - p_lease.started_at) * 1000);
  -- 'progress' is the stage's own note from one invocation to the next.
  v_payload jsonb := (coalesce(p_lease.message -> 'payload', '{}'::jsonb) - 'progress') || coalesce(p_facts, '{}'::jsonb);
  v_next text;
begin
  insert into pipeline.payloads (pipeline, job_id, stage, data)
  values (p_lease.pipeline, p_lease.job_id, p_lease.stage, v_payload)
  on conflict (pipeline, job_id, stage) do update set data = excluded.data;

  update pipeline.job_stages
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null
  where pipeline = p_lease.pipeline and job_id = p_lease.job_id and stage = p_lease.stage;

  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'completed',
    format('%s completed', p_lease.stage),
    jsonb_build_object('attempt', p_lease.attempt_count, 'duration_ms', v_duration_ms, 'msg_id', p_lease.msg_id)
      || coalesce(p_facts, '{}'::jsonb));

  perform pipeline.delete_message(p_lease.queue, p_lease.msg_id);

  select c.next_stage into v_next from pipeline.stage_config as c
  where c.pipeline = p_lease.pipeline and c.stage = p_lease.stage;
  if v_next is not null then
    perform pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, v_next, v_payload,
      coalesce((p_lease.message ->> 'priority')::integer, 0));
  else
    update pipeline.jobs
    set status = 'completed', completed_at = v_now, last_completed_at = v_now, error = null,
        result = coalesce(p_result, v_payload)
    where pipeline = p_lease.pipeline and id = p_lease.job_id;
    perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, null, 'job_completed', 'job completed',
      (select jsonb_build_object('duration_ms', round(extract(epoch from v_now - j.created_at) * 1000))
       from pipeline.jobs as j where j.pipeline = p_lease.pipeline and j.id = p_lease.job_id));
  end if;
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', v_next);
end;
$$;

-- What a commit answers when it may not write.
create or replace function pipeline.refusal(p_lease pipeline.lease)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('status', p_lease.status, 'job_id', p_lease.job_id, 'next_stage', null);
$$;

-- Claims the next message of a stage and starts the attempt; honours max_concurrency here, so that no number
-- of doorbells can exceed it. Null: nothing to do, or the stage is full.
create or replace function public.claim_stage(p_pipeline text, p_stage text, p_visibility_seconds integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_config pipeline.stage_config;
  v_lease pipeline.lease;
  v_stage pipeline.job_stages;
  v_visibility integer;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if not found then
    raise exception 'pipeline % has no stage %', p_pipeline, p_stage using errcode = '22023';
  end if;
  v_visibility := greatest(coalesce(p_visibility_seconds, v_config.visibility_seconds), 1);

  -- Two claims of one stage must not both count the same free slot.
  perform pg_advisory_xact_lock(hashtextextended('claim:' || p_pipeline || ':' || p_stage, 0));
  if (
    select count(*) from pipeline.job_stages as s
    where s.pipeline = p_pipeline and s.stage = p_stage and s.status = 'processing'
      and s.lease_expires_at > pipeline.now()
  ) >= v_config.max_concurrency then
    return null;
  end if;

  v_lease := pipeline.take_message(p_pipeline, v_config.queue, p_stage, v_visibility);
  if v_lease.msg_id is null then
    return null;
  end if;
  if v_lease.job_id is null then
    return jsonb_build_object('msg_id', v_lease.msg_id, 'job_id', null);
  end if;
  v_stage := pipeline.begin_attempt(v_lease, pipeline.now() + make_interval(secs => v_visibility));
  return jsonb_build_object(
    'msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'job_id', v_lease.job_id, 'stage', p_stage,
    'payload', v_lease.message -> 'payload', 'priority', v_stage.priority,
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'visibility_seconds', v_visibility,
    'enqueued_at', v_lease.message -> 'enqueued_at', 'traceparent', v_lease.message -> 'traceparent');
end;
$$;

-- Commits a stage that has no output tables of its own: its facts go on in the payload. For pipelines whose workers
-- want one transaction instead of steps.
create or replace function public.commit_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_facts jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  return pipeline.finish_stage(v_lease, p_facts);
end;
$$;

-- Heartbeat: the lease now ends p_seconds from now. False when it is lost or the job was cancelled.
create or replace function public.extend_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer, p_seconds integer)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
begin
  if v_lease.status <> 'held' then
    return false;
  end if;
  perform pipeline.set_message(v_lease.queue, p_msg_id, v_lease.message, v_until);
  update pipeline.job_stages set lease_expires_at = v_until
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  return true;
end;
$$;

-- Puts a running stage to sleep without spending its attempt; p_payload is merged into the message's payload.
-- It does not sleep when what it waits for happened while it ran (pipeline.wake_stage).
create or replace function public.defer_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_delay_seconds integer,
  p_message text default null, p_payload jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := v_now + make_interval(secs => greatest(p_delay_seconds, 0));
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  update pipeline.job_stages
  set status = 'queued', attempt_count = greatest(attempt_count - 1, 0), lease_expires_at = null,
      available_at = case when wake_requested_at is null then v_until else v_now end
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage
  returning available_at into v_until;
  perform pipeline.set_message(v_lease.queue, p_msg_id, pipeline.put_to_sleep(
    v_lease.message || jsonb_build_object('payload',
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || coalesce(p_payload, '{}'::jsonb)), v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', attempt_count = greatest(attempt_count - 1, 0)
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred',
    coalesce(p_message, format('%s deferred', v_lease.stage)),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', round(extract(epoch from v_until - v_now))));
  return jsonb_build_object('status', 'deferred', 'available_at', v_until);
end;
$$;

-- Wakes a sleeping stage now. One that runs at this moment is told not to sleep at its next defer.
-- Returns whether the stage was there to be woken.
create or replace function pipeline.wake_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_queue text := pipeline.queue_of(p_pipeline);
  v_msg_id bigint;
  v_message pipeline.message;
  v_status text;
begin
  select s.msg_id into v_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  v_message := pipeline.lock_message(v_queue, v_msg_id);
  if v_message.msg_id is null then
    return false;
  end if;
  update pipeline.job_stages
  set wake_requested_at = case when status = 'processing' then v_now end,
      available_at = case when status = 'queued' then v_now else available_at end
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
    and msg_id = v_msg_id and status in ('queued', 'processing')
  returning status into v_status;
  if v_status = 'queued' then
    perform pipeline.set_message(v_queue, v_msg_id, v_message.message - 'asleep', v_now);
  end if;
  return v_status is not null;
end;
$$;

-- Applies what Rust decided about a failed attempt: p_action 'retry' after p_delay_seconds, or 'dead_letter'
-- with p_reason. Attempts that are used up end in the dead letters whatever was asked for.
create or replace function public.fail_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_error jsonb,
  p_action text, p_delay_seconds numeric default 0, p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_hook text;
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_stage: action % is neither retry nor dead_letter', p_action using errcode = '22023';
  end if;
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;

  if p_action = 'dead_letter' or v_lease.attempt_count >= v_lease.max_attempts then
    return jsonb_build_object('status', 'dead_lettered', 'dead_letter_id', pipeline.bury(
      p_pipeline, v_lease.queue, p_msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
      coalesce(case when p_action = 'dead_letter' then p_reason end, 'max_attempts_exceeded'),
      p_error, v_lease.attempt_count));
  end if;

  perform pipeline.set_message(v_lease.queue, p_msg_id,
    pipeline.put_to_sleep(v_lease.message, v_now + v_delay, v_now), v_now + v_delay);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, last_error = p_error,
      available_at = v_now + v_delay, next_retry_at = v_now + v_delay
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  update pipeline.jobs set status = 'queued', last_failed_at = v_now
  where pipeline = p_pipeline and id = v_lease.job_id;

  select c.retry_hook into v_hook from pipeline.stage_config as c
  where c.pipeline = p_pipeline and c.stage = v_lease.stage;
  if v_hook is not null then
    execute format('select %s($1, $2)', v_hook) using v_lease.job_id, v_delay;
  end if;

  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'retry_scheduled',
    format('%s failed, retry scheduled: %s', v_lease.stage, coalesce(p_error ->> 'message', p_reason)),
    jsonb_build_object('attempt', v_lease.attempt_count, 'msg_id', p_msg_id, 'reason', p_reason, 'error', p_error,
      'delay_seconds', round(extract(epoch from v_delay), 1),
      'duration_ms', round(extract(epoch from v_now - v_lease.started_at) * 1000)));
  return jsonb_build_object('status', 'retry_scheduled', 'next_retry_at', v_now + v_delay);
end;
$$;

-- Inserts an event; job_id may be null.
create or replace function public.insert_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns bigint
language sql
security definer
set search_path = ''
as $$
  insert into pipeline.job_events (pipeline, job_id, stage, status, message, metadata, created_at)
  values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), pipeline.now())
  returning id;
$$;
