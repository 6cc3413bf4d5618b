-- What keeps the engine healthy and what an operator does: reap, dispatch, replay, cancel, prune, look.

-- Takes back the stages whose worker went silent. Their messages are visible again by themselves (pgmq's
-- visibility timeout is the lease); this makes the stage rows say so, with an event, and buries those whose
-- attempts are used up. Sends a lost message again. Sweeps messages that name no stage, which no claim would find.
create or replace function public.reap_expired_leases(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_expired record;
  v_pipeline record;
  v_msg record;
  v_stage pipeline.job_stages;
  v_reaped integer := 0;
  v_buried integer := 0;
  v_resent integer := 0;
  v_swept integer := 0;
begin
  for v_expired in
    select s.pipeline, s.job_id, s.stage, s.msg_id, p.queue
    from pipeline.job_stages as s
    join pipeline.pipelines as p on p.pipeline = s.pipeline
    where s.status = 'processing' and coalesce(s.lease_expires_at, s.started_at + make_interval(secs => s.visibility_timeout_seconds)) <= v_now
    order by s.lease_expires_at
    limit p_limit
  loop
    execute format('select q.msg_id, q.message from pgmq.%I as q where q.msg_id = $1 for update skip locked', 'q_' || v_expired.queue)
      into v_msg using v_expired.msg_id;
    perform 1 from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id for update;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = v_expired.pipeline and s.job_id = v_expired.job_id and s.stage = v_expired.stage for update;
    -- A heartbeat or a new claim may have come first.
    continue when v_stage.status <> 'processing' or v_stage.lease_expires_at > v_now
      or v_stage.msg_id is distinct from v_expired.msg_id;

    if v_msg.msg_id is null then
      execute format('select q.msg_id from pgmq.%I as q where q.msg_id = $1', 'q_' || v_expired.queue)
        into v_msg using v_expired.msg_id;
      continue when v_msg.msg_id is not null; -- held by a claim this moment
    end if;

    v_reaped := v_reaped + 1;
    perform pipeline.log_event(v_expired.pipeline, v_expired.job_id, v_expired.stage, 'lease_expired',
      format('%s: the worker went silent', v_expired.stage),
      jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_expired.msg_id));
    if v_msg.msg_id is null then
      v_resent := v_resent + 1;
      perform pipeline.queue_stage(v_expired.pipeline, v_expired.job_id, v_expired.stage,
        (select j.payload from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id)
          || coalesce(pipeline.latest_payload(v_expired.pipeline, v_expired.job_id), '{}'::jsonb),
        v_stage.priority);
    elsif v_stage.attempt_count >= v_stage.max_attempts then
      v_buried := v_buried + 1;
      perform pipeline.bury(v_expired.pipeline, v_expired.queue, v_msg.msg_id, v_msg.message, v_expired.job_id,
        v_expired.stage, 'worker_died', coalesce(v_stage.last_error, '{}'::jsonb)
          || jsonb_build_object('message', 'every attempt ended without a report'), v_stage.attempt_count);
    else
      update pipeline.job_stages
      set status = 'queued', lease_expires_at = null, available_at = v_now
      where pipeline = v_expired.pipeline and job_id = v_expired.job_id and stage = v_expired.stage;
      update pipeline.jobs set status = 'queued'
      where pipeline = v_expired.pipeline and id = v_expired.job_id and status = 'processing';
    end if;
  end loop;

  for v_pipeline in select p.pipeline, p.queue from pipeline.pipelines as p loop
    for v_msg in execute format(
      'select q.msg_id, q.message, q.read_ct from pgmq.%I as q
       where q.message ->> ''stage'' is null and q.vt <= $1 and not q.message ? ''asleep''
       limit 100 for update skip locked', 'q_' || v_pipeline.queue)
      using v_now
    loop
      v_swept := v_swept + 1;
      perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, v_msg.msg_id, v_msg.message, null, null,
        'unreadable_message', null, v_msg.read_ct);
    end loop;
  end loop;

  return jsonb_build_object('reaped_count', v_reaped, 'dead_lettered_count', v_buried + v_swept, 'resent_count', v_resent);
end;
$$;

-- What the last finished stage handed on.
create or replace function pipeline.latest_payload(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select p.data
  from pipeline.payloads as p
  join pipeline.job_stages as s on s.pipeline = p.pipeline and s.job_id = p.job_id and s.stage = p.stage
  where p.pipeline = p_pipeline and p.job_id = p_job_id and s.status = 'completed'
  order by s.finished_at desc
  limit 1;
$$;

-- How many of a stage's messages are visible, counted no further than p_limit: the dispatcher never needs more.
create or replace function pipeline.ready_count(p_queue text, p_stage text, p_limit integer)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  v_count integer;
begin
  execute format(
    'select count(*) from (
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.vt <= $2 and not q.message ? ''asleep'' limit $3)
       union all
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.message ? ''asleep''
          and (q.message ->> ''asleep'')::bigint <= pipeline.wake_time($2) limit $3)
       limit $3) as ready', 'q_' || p_queue) into v_count using p_stage, pipeline.now(), p_limit;
  return v_count;
end;
$$;

-- Which workers to invoke now, and how often: what waits, what runs, what the stage's limits allow.
create or replace function public.dispatch_plan(p_pipeline text default null)
returns table (pipeline text, stage text, queue text, worker text, trigger_count integer)
language sql
stable
security definer
set search_path = ''
as $$
  with room as (
    select c.*, c.max_concurrency - (
      select count(*)::integer from pipeline.job_stages as s
      where s.pipeline = c.pipeline and s.stage = c.stage and s.status = 'processing'
        and s.lease_expires_at > pipeline.now()
    ) as free
    from pipeline.stage_config as c
    where c.enabled and (p_pipeline is null or c.pipeline = p_pipeline)
  ),
  wanted as (
    select r.*, pipeline.ready_count(r.queue, r.stage, least(r.free, r.trigger_batch_size)) as ready
    from room as r
    where r.free > 0
  )
  select w.pipeline, w.stage, w.queue, w.worker, w.ready
  from wanted as w
  where w.ready > 0
  order by w.pipeline, w.position desc; -- what is nearly done first
$$;

-- Ends a job wherever it stands. A stage that runs at this moment finds its lease gone and changes nothing.
create or replace function public.cancel_job(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
  v_status text;
begin
  -- Messages first: the one order of locks.
  execute format(
    'select from pgmq.%I as q where q.msg_id in (
       select s.msg_id from pipeline.job_stages as s where s.pipeline = $1 and s.job_id = $2) for update',
    'q_' || v_queue) using p_pipeline, p_job_id;
  select j.status into v_status from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_status in ('completed', 'failed', 'cancelled') then
    return jsonb_build_object('status', v_status, 'cancelled', false);
  end if;
  -- A message that came while this waited for the job may be held by who waits for the job now: a claim or a worker's
  -- report, which finds the job cancelled and takes the message away. To wait for it would be a deadlock.
  execute format(
    'delete from pgmq.%1$I as q where q.msg_id in (
       select m.msg_id from pgmq.%1$I as m where m.msg_id in (
         select s.msg_id from pipeline.job_stages as s where s.pipeline = $1 and s.job_id = $2) for update skip locked)',
    'q_' || v_queue) using p_pipeline, p_job_id;
  update pipeline.job_stages
  set status = 'cancelled', lease_expires_at = null, next_retry_at = null, finished_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and status in ('queued', 'processing');
  update pipeline.jobs set status = 'cancelled', cancelled_at = pipeline.now()
  where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, null, 'cancelled', 'job cancelled');
  return jsonb_build_object('status', 'cancelled', 'cancelled', true);
end;
$$;

-- Sends a dead letter's stage back to the queue with the payload it failed with and fresh attempts. Once.
create or replace function public.replay_dead_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_letter pipeline.dead_letters;
  v_hook text;
  v_msg_id bigint;
begin
  select * into v_letter from pipeline.dead_letters as d
  where d.pipeline = p_pipeline and d.id = p_dead_letter_id for update;
  if not found then
    raise exception 'there is no dead letter % in pipeline %', p_dead_letter_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_letter.replayed_at is not null then
    return jsonb_build_object('status', 'already_replayed', 'job_id', v_letter.job_id);
  end if;
  perform 1 from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = v_letter.job_id and j.status = 'failed' for update;
  if not found or v_letter.stage is null then
    return jsonb_build_object('status', 'not_replayable', 'job_id', v_letter.job_id);
  end if;

  update pipeline.job_stages
  set attempt_count = 0, dead_lettered_at = null, dead_letter_reason = null
  where pipeline = p_pipeline and job_id = v_letter.job_id and stage = v_letter.stage;
  v_msg_id := pipeline.queue_stage(p_pipeline, v_letter.job_id, v_letter.stage, v_letter.payload -> 'payload',
    coalesce((v_letter.payload ->> 'priority')::integer, 0));
  update pipeline.jobs set error = null where pipeline = p_pipeline and id = v_letter.job_id;
  select c.retry_hook into v_hook from pipeline.stage_config as c
  where c.pipeline = p_pipeline and c.stage = v_letter.stage;
  if v_hook is not null then
    execute format('select %s($1, $2)', v_hook) using v_letter.job_id, interval '0';
  end if;
  update pipeline.dead_letters set replayed_at = pipeline.now()
  where pipeline = p_pipeline and id = p_dead_letter_id;
  perform pipeline.log_event(p_pipeline, v_letter.job_id, v_letter.stage, 'replayed',
    format('%s replayed from dead letter %s', v_letter.stage, p_dead_letter_id),
    jsonb_build_object('dead_letter_id', p_dead_letter_id, 'msg_id', v_msg_id));
  return jsonb_build_object('status', 'replayed', 'job_id', v_letter.job_id, 'msg_id', v_msg_id);
end;
$$;

-- Replays every dead letter that fits the filters (null: any); returns how many went back.
create or replace function public.replay_dead_letters(
  p_pipeline text, p_stage text default null, p_reason text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_limit integer default 1000
)
returns integer
language sql
security definer
set search_path = ''
as $$
  with letters as (
    select d.id from pipeline.dead_letters as d
    where d.pipeline = p_pipeline and d.replayed_at is null
      and (p_stage is null or d.stage = p_stage)
      and (p_reason is null or d.failure_reason = p_reason)
      and (p_since is null or d.routed_at >= p_since)
      and (p_until is null or d.routed_at < p_until)
    order by d.routed_at
    limit p_limit
  )
  select count(*) filter (where public.replay_dead_letter(p_pipeline, l.id) ->> 'status' = 'replayed')::integer
  from letters as l;
$$;

-- Deletes what has outlived its use: finished jobs with all that belongs to them, replayed dead letters,
-- archived messages. An age of null keeps that kind for ever. Works in bounded steps; repeat while deleted_count > 0.
create or replace function public.prune(
  p_completed_after interval default '30 days',
  p_failed_after interval default '90 days',
  p_archive_after interval default '7 days',
  p_limit integer default 5000
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_jobs integer;
  v_letters integer;
  v_archived integer := 0;
  v_count integer;
  v_queue text;
begin
  with old as (
    select j.pipeline, j.id from pipeline.jobs as j
    where (j.status = 'completed' and j.completed_at < v_now - p_completed_after)
      or (j.status = 'cancelled' and j.cancelled_at < v_now - p_completed_after)
      or (j.status = 'failed' and j.last_failed_at < v_now - p_failed_after)
    limit p_limit
  )
  delete from pipeline.jobs as j using old where j.pipeline = old.pipeline and j.id = old.id;
  get diagnostics v_jobs = row_count;

  delete from pipeline.dead_letters as d
  where d.replayed_at < v_now - p_completed_after or d.routed_at < v_now - p_failed_after;
  get diagnostics v_letters = row_count;

  for v_queue in select p.queue from pipeline.pipelines as p loop
    execute format('delete from pgmq.%I where archived_at < $1', 'a_' || v_queue) using v_now - p_archive_after;
    get diagnostics v_count = row_count;
    v_archived := v_archived + v_count;
  end loop;
  return jsonb_build_object('deleted_count', v_jobs + v_letters + v_archived, 'job_count', v_jobs,
    'dead_letter_count', v_letters, 'archived_message_count', v_archived);
end;
$$;

-- Backlog, age, running and failing per stage: the dispatcher's GET answers with this.
create or replace view pipeline.stage_metrics
with (security_invoker = true)
as
select
  c.pipeline,
  c.stage,
  c.position,
  c.max_concurrency,
  coalesce(s.ready_count, 0) as ready_count,
  coalesce(s.sleeping_count, 0) as sleeping_count,
  coalesce(s.in_flight_count, 0) as in_flight_count,
  round(extract(epoch from pipeline.now() - s.oldest_ready_at)) as oldest_ready_seconds,
  coalesce(s.failed_count, 0) as failed_count
from pipeline.stage_config as c
left join (
  select
    s.pipeline,
    s.stage,
    count(*) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as ready_count,
    count(*) filter (where s.status = 'queued' and s.available_at > pipeline.now()) as sleeping_count,
    count(*) filter (where s.status = 'processing') as in_flight_count,
    count(*) filter (where s.status = 'failed') as failed_count,
    min(s.available_at) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as oldest_ready_at
  from (
    select w.pipeline, w.stage, w.status, w.available_at from pipeline.job_stages as w where w.status in ('queued', 'failed')
    union all
    select r.pipeline, r.stage, r.status, r.available_at from pipeline.job_stages as r where r.status = 'processing'
  ) as s -- in two parts, as they are indexed
  group by s.pipeline, s.stage
) as s on s.pipeline = c.pipeline and s.stage = c.stage;
comment on view pipeline.stage_metrics is 'Backlog, oldest age, in flight and failed per stage';

-- The figures of the whole system as one JSON value.
create or replace function public.pipeline_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'at', pipeline.now(),
    'stages', (select coalesce(jsonb_agg(to_jsonb(m) - 'position' order by m.pipeline, m.position), '[]'::jsonb)
               from pipeline.stage_metrics as m),
    'jobs', (select coalesce(jsonb_agg(to_jsonb(j) order by j.pipeline, j.status), '[]'::jsonb) from (
               select j.pipeline, j.status, count(*) from pipeline.jobs as j group by 1, 2) as j),
    'last_hour', (select coalesce(jsonb_agg(to_jsonb(e) order by e.pipeline, e.stage, e.status), '[]'::jsonb) from (
               select e.pipeline, e.stage, e.status, count(*),
                 round(avg((e.metadata ->> 'duration_ms')::numeric)) as avg_duration_ms
               from pipeline.job_events as e
               where e.created_at > pipeline.now() - interval '1 hour' and e.stage is not null
               group by 1, 2, 3) as e),
    'dead_letters', (select coalesce(jsonb_agg(to_jsonb(d) order by d.pipeline, d.stage, d.failure_reason), '[]'::jsonb) from (
               select d.pipeline, d.stage, d.failure_reason, count(*)
               from pipeline.dead_letters as d where d.replayed_at is null group by 1, 2, 3) as d));
$$;

-- What must never be: a row here is a defect (or an operator's hand). Columns name the rule and the place.
create or replace function public.check_invariants()
returns table (rule text, pipeline text, job_id uuid, detail text)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v record;
begin
  for v in select p.pipeline, p.queue from pipeline.pipelines as p loop
    return query execute format($q$
      select 'an open stage has its message on the queue', s.pipeline, s.job_id, format('stage %%s, message %%s', s.stage, s.msg_id)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status in ('queued', 'processing')
        and not exists (select 1 from pgmq.%1$I as q where q.msg_id = s.msg_id)
      union all
      select 'an open job has exactly one open stage', j.pipeline, j.id, format('job %%s at %%s', j.status, j.stage)
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status in ('queued', 'processing') and 1 <> (
        select count(*) from pipeline.job_stages as s
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status in ('queued', 'processing'))
      union all
      select 'a finished job has no open stage', j.pipeline, j.id, format('job %%s, stage %%s %%s', j.status, s.stage, s.status)
      from pipeline.jobs as j
      join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id
      where j.pipeline = $1 and j.status in ('completed', 'failed', 'cancelled') and s.status in ('queued', 'processing')
      union all
      select 'a failed job has a dead letter', j.pipeline, j.id, j.stage
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status = 'failed'
        and not exists (select 1 from pipeline.dead_letters as d where d.pipeline = j.pipeline and d.job_id = j.id)
      union all
      select 'no lease is older than its expiry by a minute', s.pipeline, s.job_id, format('stage %%s expired %%s', s.stage, s.lease_expires_at)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status = 'processing' and s.lease_expires_at < pipeline.now() - interval '1 minute'
    $q$, 'q_' || v.queue) using v.pipeline;
  end loop;
end;
$$;
