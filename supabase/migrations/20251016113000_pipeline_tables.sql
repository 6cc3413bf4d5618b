-- The engine's tables: jobs, their stages, dead letters, events and payloads.
--
-- Parents live in the private schema `pipeline`, partitioned by pipeline; the partitions are the public
-- tables people query (pageperfect_jobs, content_jobs, ...). Engine functions are written once, over the
-- parents. `pipeline.add_pipeline` makes a pipeline's partitions and its pgmq queue.
--
-- A message is {job_id, stage, payload, priority, enqueued_at, traceparent, seq}. A stage row names the
-- message that stands for it (msg_id); while a worker holds it, read_ct is the fencing token of its lease.

create extension if not exists pgmq;

create schema if not exists pipeline;
revoke all on schema pipeline from public, anon, authenticated;
grant usage on schema pipeline to service_role;

-- The engine's clock. Tests set pageperfect.fake_now to travel in time; nothing else does.
create or replace function pipeline.now()
returns timestamptz
language plpgsql -- with a cached plan; Postgres before 18 plans a SQL function again in each transaction
volatile
set search_path = ''
as $$
begin
  return coalesce(
    nullif(current_setting('pageperfect.fake_now', true), '')::timestamptz,
    clock_timestamp()
  );
end;
$$;

do $$
begin
  if to_regtype('pipeline.message') is null then
    create type pipeline.message as (msg_id bigint, read_ct integer, vt timestamptz, message jsonb);
  end if;
end;
$$;

-- Time as the key "asleep" of a message says it: milliseconds since 1970, never before the time itself.
create or replace function pipeline.wake_time(p_at timestamptz)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return ceil(extract(epoch from p_at) * 1000);
end;
$$;

create table if not exists pipeline.pipelines (
  pipeline text primary key constraint pipelines_name_check check (pipeline ~ '^[a-z][a-z0-9_]{0,30}$'),
  queue text not null unique,
  created_at timestamptz not null default now()
);
comment on table pipeline.pipelines is 'The pipelines the engine serves, each on one pgmq queue';

create table if not exists pipeline.stage_config (
  pipeline text not null references pipeline.pipelines (pipeline) on delete cascade,
  stage text not null,
  position integer not null,
  next_stage text,
  queue text not null references pipeline.pipelines (queue),
  worker text not null,
  max_concurrency integer not null default 2 check (max_concurrency > 0),
  trigger_batch_size integer not null default 1 check (trigger_batch_size > 0),
  max_attempts integer not null default 5 check (max_attempts > 0),
  retry_delay_seconds integer not null default 10 check (retry_delay_seconds > 0),
  max_retry_delay_seconds integer not null default 900 check (max_retry_delay_seconds > 0),
  visibility_seconds integer not null default 600 check (visibility_seconds > 0),
  enabled boolean not null default true,
  primary key (pipeline, stage),
  unique (pipeline, position),
  foreign key (pipeline, next_stage) references pipeline.stage_config (pipeline, stage) deferrable initially deferred
);
comment on table pipeline.stage_config is 'The stage graph and the dispatcher''s settings; change a row to tune a running system';
comment on column pipeline.stage_config.worker is 'Edge Function that works this stage';
comment on column pipeline.stage_config.trigger_batch_size is 'Workers invoked for the stage in one dispatcher round';

create table if not exists pipeline.jobs (
  pipeline text not null references pipeline.pipelines (pipeline),
  id uuid not null default gen_random_uuid(),
  job_type text not null default 'workflow',
  url text,
  page_id uuid references public.pages (id) on delete set null,
  user_id uuid,
  requester_email text,
  status text not null default 'queued',
  stage text not null,
  priority integer not null default 0,
  payload jsonb not null default '{}'::jsonb,
  result jsonb,
  error jsonb,
  attempt_count integer not null default 0,
  idempotency_key text,
  traceparent text,
  first_queued_at timestamptz,
  last_queued_at timestamptz,
  last_dequeued_at timestamptz,
  last_completed_at timestamptz,
  last_failed_at timestamptz,
  last_dead_letter_at timestamptz,
  completed_at timestamptz,
  cancelled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (pipeline, id),
  constraint jobs_status_check check (status in ('queued', 'processing', 'completed', 'failed', 'cancelled')),
  constraint jobs_cancelled_has_time check (status <> 'cancelled' or cancelled_at is not null)
) partition by list (pipeline);
comment on table pipeline.jobs is 'One row a job; a job between two stages is queued';

create unique index if not exists jobs_idempotency_key_idx on pipeline.jobs (pipeline, idempotency_key);
create index if not exists jobs_created_at_idx on pipeline.jobs (created_at desc);
create index if not exists jobs_page_id_idx on pipeline.jobs (page_id);
create index if not exists jobs_user_id_idx on pipeline.jobs (user_id) where user_id is not null;
-- No index on status or stage: a job changes them twice a stage, and stays on its page (HOT) only without one.

create table if not exists pipeline.job_stages (
  pipeline text not null,
  job_id uuid not null,
  stage text not null,
  status text not null default 'queued',
  attempt_count integer not null default 0,
  max_attempts integer not null,
  retry_delay_seconds integer not null,
  max_retry_delay_seconds integer not null,
  priority integer not null default 0,
  visibility_timeout_seconds integer not null,
  msg_id bigint,
  read_ct integer,
  lease_expires_at timestamptz,
  wake_requested_at timestamptz,
  available_at timestamptz not null default now(),
  next_retry_at timestamptz,
  queued_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz,
  last_error jsonb,
  dead_lettered_at timestamptz,
  dead_letter_reason text,
  primary key (job_id, stage, pipeline), -- job_id first: it also serves the look-ups by job
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade,
  constraint job_stages_status_check check (status in ('queued', 'processing', 'completed', 'failed', 'cancelled')),
  constraint job_stages_processing_has_start check (status <> 'processing' or started_at is not null),
  constraint job_stages_completed_has_finish check (status <> 'completed' or finished_at is not null),
  constraint job_stages_lease_only_while_processing check (lease_expires_at is null or status = 'processing')
) partition by list (pipeline);
comment on table pipeline.job_stages is 'One row a stage a job reached: attempts, lease and times';
comment on column pipeline.job_stages.read_ct is 'pgmq''s delivery count of the running attempt: with msg_id the lease and its fencing token';
comment on column pipeline.job_stages.wake_requested_at is 'Something the stage waits for happened while it ran; its next defer does not sleep';

create index if not exists job_stages_processing_idx on pipeline.job_stages (stage, lease_expires_at)
  where status = 'processing';
create index if not exists job_stages_waiting_idx on pipeline.job_stages (pipeline, stage, status, available_at)
  where status in ('queued', 'failed');

create sequence if not exists pipeline.dead_letter_id_seq;
create table if not exists pipeline.dead_letters (
  pipeline text not null,
  id bigint not null default nextval('pipeline.dead_letter_id_seq'),
  queue_name text not null,
  msg_id bigint,
  job_id uuid,
  stage text,
  payload jsonb not null,
  failure_reason text not null,
  error_details jsonb,
  attempt_count integer not null default 0,
  routed_at timestamptz not null default now(),
  replayed_at timestamptz,
  primary key (pipeline, id)
) partition by list (pipeline);
comment on table pipeline.dead_letters is 'Messages that will not be tried again, with the reason; replay sends them back';
comment on column pipeline.dead_letters.payload is 'The whole message as it was on the queue';
create index if not exists dead_letters_routed_at_idx on pipeline.dead_letters (routed_at desc);
create index if not exists dead_letters_job_id_idx on pipeline.dead_letters (job_id);

create sequence if not exists pipeline.job_event_id_seq;
create table if not exists pipeline.job_events (
  pipeline text not null,
  id bigint not null default nextval('pipeline.job_event_id_seq'),
  job_id uuid,
  stage text,
  status text not null,
  message text,
  metadata jsonb not null default '{}'::jsonb,
  created_at timestamptz not null default clock_timestamp(),
  primary key (pipeline, id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
) partition by list (pipeline);
comment on table pipeline.job_events is 'Every transition of every job, in order';
create index if not exists job_events_job_id_idx on pipeline.job_events (job_id, created_at desc);
create index if not exists job_events_created_at_idx on pipeline.job_events using brin (created_at);

create table if not exists pipeline.payloads (
  pipeline text not null,
  job_id uuid not null,
  stage text not null,
  data jsonb not null default '{}'::jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (pipeline, job_id, stage),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
) partition by list (pipeline);
comment on table pipeline.payloads is 'What a stage handed on: small facts and references, never HTML or vectors';

do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'pipelines', 'stage_config', 'jobs', 'job_stages', 'dead_letters', 'job_events', 'payloads'
  ] loop
    execute format('alter table pipeline.%I enable row level security', v_table);
    execute format('revoke all on pipeline.%I from public, anon, authenticated', v_table);
    execute format('grant select on pipeline.%I to service_role', v_table);
  end loop;
  execute 'grant update on pipeline.stage_config to service_role';
  execute 'grant usage on sequence pipeline.dead_letter_id_seq, pipeline.job_event_id_seq to service_role';
end;
$$;

-- Makes a pipeline: its five public partitions and its queue with the index that claims read through.
-- Safe to repeat.
create or replace function pipeline.add_pipeline(p_pipeline text, p_queue text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_kind text;
  v_table text;
begin
  insert into pipeline.pipelines (pipeline, queue) values (p_pipeline, p_queue) on conflict do nothing;

  foreach v_kind in array array['jobs', 'job_stages', 'dead_letters', 'job_events', 'payloads'] loop
    v_table := p_pipeline || '_' || v_kind;
    if to_regclass(format('public.%I', v_table)) is null then
      execute format('create table public.%I partition of pipeline.%I for values in (%L)', v_table, v_kind, p_pipeline);
    end if;
    -- A row written straight to the partition need not name its pipeline.
    execute format('alter table public.%I alter column pipeline set default %L', v_table, p_pipeline);
    execute format('alter table public.%I enable row level security', v_table);
    execute format('revoke all on public.%I from public, anon, authenticated', v_table);
    execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
    execute format('comment on table public.%I is %L', v_table, format('The %s pipeline''s part of pipeline.%s', p_pipeline, v_kind));
  end loop;

  -- Keys without the constant pipeline column, so that upserts and look-ups by job read naturally.
  execute format('create unique index if not exists %I on public.%I (id)', p_pipeline || '_jobs_id_key', p_pipeline || '_jobs');
  execute format('create unique index if not exists %I on public.%I (job_id, stage)', p_pipeline || '_payloads_key', p_pipeline || '_payloads');

  -- Rows that change at every transition: room for new versions on the page, early vacuum.
  execute format('alter table public.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', p_pipeline || '_jobs');
  execute format('alter table public.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', p_pipeline || '_job_stages');

  execute format('create or replace trigger set_updated_at before update on public.%I for each row execute function public.set_updated_at()', p_pipeline || '_jobs');
  execute format('create or replace trigger set_updated_at before update on public.%I for each row execute function public.set_updated_at()', p_pipeline || '_payloads');
  execute format('create or replace trigger set_queue_name before insert on public.%I for each row execute function pipeline.set_queue_name()', p_pipeline || '_dead_letters');

  if to_regclass(format('pgmq.%I', 'q_' || p_queue)) is null then
    perform pgmq.create(p_queue);
  end if;
  -- One stage's messages by priority, then age, without the sleeping ones; and the same over all stages, for workers
  -- that take whatever comes (written with a minus, so that no claim is ever planned with it). No index names vt: so claims and heartbeats, which change nothing else, stay on their
  -- page (HOT) and write to no index. pgmq's own index on vt would spoil that, and nothing here reads by it.
  execute format(
    'create index if not exists %I on pgmq.%I ((message ->> ''stage''), (coalesce((message ->> ''priority'')::integer, 0)) desc, (coalesce((message ->> ''seq'')::bigint, msg_id))) where not message ? ''asleep''',
    'q_' || p_queue || '_claim_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I ((-coalesce((message ->> ''priority'')::integer, 0)), (coalesce((message ->> ''seq'')::bigint, msg_id))) where not message ? ''asleep''',
    'q_' || p_queue || '_order_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I (((message ->> ''asleep'')::bigint)) where message ? ''asleep''',
    'q_' || p_queue || '_asleep_idx', 'q_' || p_queue);
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_vt_idx');
  execute format('alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'a_' || p_queue);
  perform pipeline.write_queue_functions();
end;
$$;

-- Writes the functions through which the engine works on messages, with one branch a queue: static SQL, planned once
-- a connection, where `execute format` would plan every statement of every transition anew.
-- Each returns the message as it is now (when deleted: as it was), or null when it is gone.
-- Sequential scans are off in them and in the engine's own: a plan made while a queue was nearly empty, when reading it
-- whole is cheapest, would be kept while the queue grows.
--
-- A message that is put back for later carries its time under the key "asleep" (pipeline.put_to_sleep), which keeps it
-- out of the claim index; the first claim after that time removes the key. A message that was delayed without it, by
-- pgmq.send, is served all the same, only slower.
create or replace function pipeline.write_queue_functions()
returns void
language plpgsql
set search_path = ''
as $function$
declare
  v_function record;
begin
  for v_function in select * from (values
    -- Messages whose time has come are asleep no more.
    ('wake_messages(p_queue text, p_now timestamptz)', $$
      update pgmq.%1$I as q set message = q.message - 'asleep'
      where q.msg_id = any (array( -- an array is looked up by key; a join may be planned over the whole queue
        select m.msg_id from pgmq.%1$I as m
        where m.message ? 'asleep' and (m.message ->> 'asleep')::bigint <= pipeline.wake_time(p_now)
        order by (m.message ->> 'asleep')::bigint limit 50 for update skip locked));$$),
    -- The next visible message of a stage by priority, then age, as pgmq.read does: hidden until p_visible_at.
    ('read_message(p_queue text, p_stage text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.message ->> 'stage' = p_stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce((m.message ->> 'priority')::integer, 0) desc, coalesce((m.message ->> 'seq')::bigint, m.msg_id)
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- The same over all stages.
    ('read_any_message(p_queue text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.vt <= p_now and not m.message ? 'asleep'
        order by -coalesce((m.message ->> 'priority')::integer, 0), coalesce((m.message ->> 'seq')::bigint, m.msg_id)
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('find_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id;$$),
    ('lock_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id for update;$$),
    ('send_message(p_queue text, p_message jsonb, p_visible_at timestamptz)', $$
      insert into pgmq.%1$I as q (vt, message) values (p_visible_at, p_message)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('set_message(p_queue text, p_msg_id bigint, p_message jsonb, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set vt = p_visible_at, message = p_message where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('delete_message(p_queue text, p_msg_id bigint)', $$
      delete from pgmq.%1$I as q where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$)
  ) as f (signature, statements)
  loop
    execute format(
      $$create or replace function pipeline.%1$s returns pipeline.message language plpgsql
        set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $body$
        declare
          v_message pipeline.message;
        begin
          case p_queue%2$s
          else
            raise exception 'queue %% belongs to no pipeline', p_queue using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
          end case;
          return v_message;
        end;
        $body$;
        revoke execute on function pipeline.%1$s from public, anon, authenticated$$,
      v_function.signature,
      (select string_agg(format(E'\n          when %L then', p.queue) || format(v_function.statements, 'q_' || p.queue), '' order by p.queue)
       from pipeline.pipelines as p));
  end loop;
end;
$function$;

-- A dead letter written by hand need not repeat its pipeline's queue.
create or replace function pipeline.set_queue_name()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.queue_name := coalesce(
    new.queue_name,
    (select p.queue from pipeline.pipelines as p where p.pipeline = new.pipeline)
  );
  return new;
end;
$$;

revoke execute on all functions in schema pipeline from public, anon, authenticated;
