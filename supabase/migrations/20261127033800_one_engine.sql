-- One engine, every step fenced, every owner bounded.
--
-- Lanes: a stage may say that only so many jobs of one page, host or owner go on at once. A job that finds its lane full
-- waits without a message that can be claimed; who ends lets the next one in. Shares: a job is ranked by how many jobs its
-- owner has before it, so that nobody's thousands come before another's first. Crawls and Search Console imports become
-- jobs of a pipeline of their own, `fetch`; crawl_jobs and gsc_properties stay what people read and write.

set constraints all immediate; -- a table with checks to come cannot be altered

-- A stage's queue is its pipeline's.
update pipeline.stage_config as c set queue = p.queue
from pipeline.pipelines as p where p.pipeline = c.pipeline and p.queue <> c.queue;
alter table pipeline.pipelines add constraint pipelines_pipeline_queue_key unique (pipeline, queue);
alter table pipeline.stage_config
  drop constraint stage_config_queue_fkey,
  add constraint stage_config_pipeline_queue_fkey foreign key (pipeline, queue) references pipeline.pipelines (pipeline, queue);

alter table pipeline.stage_config
  add column lane text constraint stage_config_lane_check check (lane in ('owner', 'page', 'host')),
  add column hook text constraint stage_config_hook_check check (hook ~ '^pipeline\.[a-z_]+$');
comment on column pipeline.stage_config.lane is
  'What a job must hold to begin this stage, and keeps until it ends: a place of its owner (max_running_jobs), its page (1) or its host (pipeline.crawls_per_host)';
comment on column pipeline.stage_config.hook is
  'Function (job_id uuid, event text, details jsonb) run in the transaction of started, deferred, retry, replayed, dead_lettered and cancelled';

alter table pipeline.jobs
  add column parent_pipeline text,
  add column parent_id uuid,
  add column request jsonb,
  add column is_open boolean generated always as (status in ('queued', 'processing')) stored;
comment on column pipeline.jobs.parent_id is 'The job that waits for this one; its sleeping stage is woken when its last open child ends';
comment on column pipeline.jobs.request is 'What was asked for, to tell another request with the same idempotency key';
-- is_open changes once in a job's life, so an index with it leaves the other updates on their page (HOT).
create index jobs_open_parent_idx on pipeline.jobs (parent_id) where is_open and parent_id is not null;

alter table pipeline.job_stages add column silent_count integer not null default 0;
comment on column pipeline.job_stages.silent_count is 'Workers that went silent in a row; the second one ends the message';

-- Beside jobs and stages, whose rows their owners may read: what is for the service only.
create table pipeline.job_shares (
  pipeline text not null,
  job_id uuid not null,
  user_id uuid,
  priority integer not null,
  share bigint not null,
  primary key (job_id, pipeline),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.job_shares is 'The open jobs'' places among the owners';
comment on column pipeline.job_shares.share is 'One more than the owner''s job before it, never less than what is worked on';
create index job_shares_user_id_idx on pipeline.job_shares (pipeline, user_id, share);
create index job_shares_share_idx on pipeline.job_shares (pipeline, share);
insert into pipeline.job_shares (pipeline, job_id, user_id, priority, share)
select j.pipeline, j.id, j.user_id, j.priority, row_number() over (partition by j.pipeline, j.user_id order by j.priority desc, j.created_at)
from pipeline.jobs as j where j.is_open;

create table pipeline.error_details (
  pipeline text not null,
  job_id uuid not null,
  stage text not null,
  error jsonb not null,
  primary key (job_id, stage, pipeline),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.error_details is 'A stage''s last error in full; job_stages.last_error holds what the job''s owner may see';

create table pipeline.lane_holders (
  lane text not null,
  pipeline text not null,
  job_id uuid not null,
  held_at timestamptz not null default now(),
  primary key (lane, job_id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.lane_holders is 'Who goes on in a lane; the others of the lane wait until one of these jobs ends';
create index lane_holders_job_id_idx on pipeline.lane_holders (job_id);

create table pipeline.owner_policies (
  role text primary key constraint owner_policies_role_check check (role in ('user', 'service', 'project')),
  max_open_jobs integer check (max_open_jobs >= 0),
  max_running_jobs integer check (max_running_jobs > 0),
  max_priority integer not null default 100 check (max_priority >= 0),
  max_keywords integer check (max_keywords >= 0),
  daily_jobs integer check (daily_jobs >= 0),
  daily_bytes bigint check (daily_bytes >= 0),
  daily_usd numeric check (daily_usd >= 0),
  allows_premium boolean not null default true,
  shares_search_console boolean not null default false
);
comment on table pipeline.owner_policies is
  'Ceilings: of each signed-in user, of the service (jobs made with a secret key) and of the whole project; null is none. Change a row to tune a running system';
comment on column pipeline.owner_policies.max_open_jobs is 'Jobs that may be queued or processing at once';
comment on column pipeline.owner_policies.max_running_jobs is 'Jobs that go on at once; the others wait their turn, so that nobody holds all slots';
comment on column pipeline.owner_policies.max_priority is 'Higher priorities count as this one';
comment on column pipeline.owner_policies.daily_jobs is 'Jobs a UTC day';
comment on column pipeline.owner_policies.daily_bytes is 'Bytes of keywords and HTML a UTC day';
comment on column pipeline.owner_policies.daily_usd is 'Dollars for models a UTC day; jobs that would go beyond wait for the next day';
comment on column pipeline.owner_policies.allows_premium is 'Whether premium, ultra_premium and render, which cost more, are obeyed';
comment on column pipeline.owner_policies.shares_search_console is
  'Whether a page without keywords of its own is analysed with those the project has for its URL';
insert into pipeline.owner_policies (
  role, max_open_jobs, max_running_jobs, max_priority, max_keywords, daily_jobs, daily_bytes, daily_usd, allows_premium, shares_search_console)
select 'user', u.max_open_jobs, 2, 10, 10000, 200, 100000000, 1, false, u.shares_search_console from pipeline.user_policy as u;
insert into pipeline.owner_policies (role, daily_usd) values ('service', null), ('project', 20);
drop table pipeline.user_policy cascade;

create table pipeline.daily_usage (
  day date not null,
  owner_id uuid not null,
  job_count integer not null default 0,
  byte_count bigint not null default 0,
  cost_usd numeric not null default 0,
  primary key (day, owner_id)
);
comment on table pipeline.daily_usage is 'What an owner used on a UTC day; the owner of zeros is the whole project';

alter table pipeline.pipelines add column mended_at timestamptz;
comment on column pipeline.pipelines.mended_at is 'When the reaper last looked for states that cannot go on by themselves';

do $$
declare
  v_table text;
begin
  foreach v_table in array array['job_shares', 'error_details', 'lane_holders', 'owner_policies', 'daily_usage'] loop
    execute format('alter table pipeline.%I enable row level security', v_table);
    execute format('revoke all on pipeline.%I from public, anon, authenticated, service_role', v_table);
    execute format('grant select on pipeline.%I to service_role', v_table);
  end loop;
end;
$$;
grant update on pipeline.owner_policies to service_role;

-- Look-ups by job, of a stage's input and of the report.
create index crawl_jobs_job_id_idx on public.crawl_jobs (job_id, created_at desc);
alter type pipeline.lease add attribute user_id uuid;

-- Crawls and imports: a pipeline of their own.
insert into pipeline.pipelines (pipeline, queue) values ('fetch', 'fetch');
create table public.fetch_jobs partition of pipeline.jobs for values in ('fetch');
create table public.fetch_job_stages partition of pipeline.job_stages for values in ('fetch');
create table public.fetch_dead_letters partition of pipeline.dead_letters for values in ('fetch');
create table public.fetch_job_events partition of pipeline.job_events for values in ('fetch');
create table public.fetch_payloads partition of pipeline.payloads for values in ('fetch');
insert into pipeline.stage_config (
  pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds,
  max_retry_delay_seconds, visibility_seconds, lane, hook)
values
  ('fetch', 'crawl', 1, null, 'fetch', 'crawl-cron', 20, 4, 3, 5, 120, 90, 'host', 'pipeline.on_crawl'),
  ('fetch', 'gsc_import', 2, null, 'fetch', 'pageperfect-gsc-import', 1, 1, 8, 60, 3600, 150, null, 'pipeline.on_gsc_import');

update pipeline.stage_config set hook = 'pipeline.on_wait_crawl' where pipeline = 'pageperfect' and stage = 'wait_crawl';
update pipeline.stage_config set lane = 'owner' where pipeline = 'pageperfect' and stage in ('submit_crawl', 'wait_crawl');
update pipeline.stage_config set lane = 'page'
where pipeline = 'pageperfect' and stage in ('segment_embed', 'keyword_clustering', 'gap_analysis', 'rewrite_draft');
alter table pipeline.stage_config drop column retry_hook;
-- Leases are renewed while a worker lives, so they can be short.
alter table pipeline.stage_config alter column visibility_seconds set default 60;
update pipeline.stage_config set visibility_seconds = 60 where visibility_seconds = 600 and pipeline = 'pageperfect';

drop index public.crawl_jobs_due_by_host_idx, public.crawl_jobs_running_by_host_idx;
drop function if exists public.gsc_import_is_due(public.gsc_properties);
alter table public.gsc_properties drop constraint gsc_properties_lease_is_of_an_import;
alter table public.gsc_properties
  drop column lease_count, drop column lease_expires_at, drop column attempt_count, drop column available_at,
  add column job_id uuid;
comment on column public.gsc_properties.job_id is 'The job of the pipeline fetch that imports, or imported last';

-- What is on the queues keeps its place: all of it was there before what comes.
do $$
declare
  v_queue text;
begin
  for v_queue in select p.queue from pipeline.pipelines as p where to_regclass(format('pgmq.%I', 'q_' || p.queue)) is not null loop
    execute format('drop index if exists pgmq.%I', 'q_' || v_queue || '_claim_idx');
    execute format('drop index if exists pgmq.%I', 'q_' || v_queue || '_order_idx');
    execute format('drop index if exists pgmq.%I', 'q_' || v_queue || '_asleep_idx');
  end loop;
end;
$$;
set constraints all deferred;

-- What takes more arguments now, each with a default: beside its older self every call of it would be ambiguous, and workers
-- of the version before go on calling until the functions are deployed.
drop function if exists
  pipeline.queue_stage(text, uuid, text, jsonb, integer, interval),
  public.enqueue_stage(text, uuid, text, jsonb, integer, integer),
  public.dequeue_stage(text, integer),
  public.ack_message(text, bigint),
  public.extend_message_visibility(text, bigint, integer),
  public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer),
  public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer),
  public.start_stage(text, uuid, text),
  public.complete_stage(text, uuid, text),
  public.record_stage_failure(text, uuid, text, jsonb),
  public.begin_model_call(text, text, double precision),
  public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer);
