-- The pageperfect pipeline on the engine: its tables and queue, job creation, what each stage reads and what each
-- stage commits. A commit is one transaction: lease checked, output rows replaced, stage finished, next message sent.

insert into pipeline.pipelines (pipeline, queue) values ('pageperfect', 'pageperfect') on conflict do nothing;
create table if not exists public.pageperfect_jobs partition of pipeline.jobs for values in ('pageperfect');
alter table public.pageperfect_jobs enable row level security;
create table if not exists public.pageperfect_job_stages partition of pipeline.job_stages for values in ('pageperfect');
alter table public.pageperfect_job_stages enable row level security;
create table if not exists public.pageperfect_dead_letters partition of pipeline.dead_letters for values in ('pageperfect');
alter table public.pageperfect_dead_letters enable row level security;
create table if not exists public.pageperfect_job_events partition of pipeline.job_events for values in ('pageperfect');
alter table public.pageperfect_job_events enable row level security;
create table if not exists public.pageperfect_payloads partition of pipeline.payloads for values in ('pageperfect');
alter table public.pageperfect_payloads enable row level security;

-- What signed-in users may use of the project; one row.
create table if not exists pipeline.user_policy (
  is_only_row boolean primary key default true check (is_only_row),
  max_open_jobs integer not null default 10 check (max_open_jobs >= 0),
  shares_search_console boolean not null default false
);
comment on table pipeline.user_policy is 'What signed-in users may use of the project; change the row to tune a running system';
comment on column pipeline.user_policy.max_open_jobs is 'Jobs of one user that may be queued or processing at once';
comment on column pipeline.user_policy.shares_search_console is
  'Whether a user''s page without keywords of its own is analysed with those the project has for its URL';
insert into pipeline.user_policy default values on conflict do nothing;
alter table pipeline.user_policy enable row level security;
revoke all on pipeline.user_policy from public, anon, authenticated, service_role;
grant select, update (max_open_jobs, shares_search_console) on pipeline.user_policy to service_role;

-- Vectors on their way to a commit. A page of thousands of segments has more of them than one request or one
-- invocation can carry, so they come in chunks before the commit, which takes them from here.
create table if not exists pipeline.staged_vectors (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  position integer not null,
  digest text not null,
  vector extensions.vector not null,
  primary key (job_id, stage, position),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.staged_vectors is 'Vectors a running stage will commit; gone with its commit, else with its job';
comment on column pipeline.staged_vectors.digest is 'Of the input they were made from: a commit takes only vectors of its own input';
alter table pipeline.staged_vectors enable row level security;
revoke all on pipeline.staged_vectors from public, anon, authenticated, service_role;

-- Where a stage stopped that does not fit one invocation, in bytes of its own making.
create table if not exists pipeline.stage_checkpoints (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  digest text not null,
  state bytea not null,
  primary key (job_id, stage),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.stage_checkpoints is 'Where a running stage stopped; gone with its commit, else with its job';
comment on column pipeline.stage_checkpoints.digest is 'Of the input that the state belongs to';
alter table pipeline.stage_checkpoints enable row level security;
revoke all on pipeline.stage_checkpoints from public, anon, authenticated, service_role;
