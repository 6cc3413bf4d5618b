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

do $$
begin
  if to_regtype('pipeline.message') is null then
    create type pipeline.message as (msg_id bigint, read_ct integer, vt timestamptz, message jsonb);
  end if;
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
