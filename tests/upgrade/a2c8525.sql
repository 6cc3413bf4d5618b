-- The database as the checkout a2c8525 made it: its migrations one after the other. What the upgrade test starts from.

-- supabase/migrations/20251016110000_site_tables.sql
-- The site's own tables: what was crawled, what people searched for, and what PagePerfect found.
-- Everything here is an input or an output of the pipeline; its state lives in the engine's tables.

create extension if not exists vector with schema extensions;

-- Keeps updated_at true without relying on callers.
create or replace function public.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;
revoke execute on function public.set_updated_at() from public, anon, authenticated;

create table if not exists public.pages (
  id uuid primary key default gen_random_uuid(),
  owner_id uuid,
  url text not null,
  title text,
  description text,
  language text,
  canonical_url text,
  published_at text,
  last_crawled_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint pages_owner_url_key unique nulls not distinct (owner_id, url)
);
comment on table public.pages is 'Pages PagePerfect knows, one row a URL and owner';
comment on column public.pages.owner_id is
  'The user whose jobs made it, and who alone shares in what hangs on it; null: the project''s own, made with a secret key';
comment on column public.pages.published_at is 'As the page states it, not parsed';

create or replace trigger pages_set_updated_at
before update on public.pages
for each row execute function public.set_updated_at();

create table if not exists public.crawl_jobs (
  id uuid primary key default gen_random_uuid(),
  page_id uuid not null references public.pages (id) on delete cascade,
  job_id uuid,
  url text not null,
  status text not null default 'pending'
    constraint crawl_jobs_status_check check (status in ('pending', 'processing', 'completed', 'failed')),
  premium boolean not null default false,
  ultra_premium boolean not null default false,
  render boolean not null default false,
  attempt_count integer not null default 0,
  max_attempts integer not null default 3,
  queued_at timestamptz not null default now(),
  available_at timestamptz not null default now(),
  lease_expires_at timestamptz,
  html text,
  html_length integer,
  http_status integer,
  final_url text,
  content_type text,
  etag text,
  last_modified text,
  provider text,
  processing_time_ms integer,
  error jsonb,
  finished_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint crawl_jobs_completed_has_html check (status <> 'completed' or html is not null),
  constraint crawl_jobs_failed_has_error check (status <> 'failed' or error is not null),
  constraint crawl_jobs_processing_has_lease check (status <> 'processing' or lease_expires_at is not null)
);
comment on table public.crawl_jobs is 'One crawl of one URL with its own retries; run by the crawl-cron function';
comment on column public.crawl_jobs.job_id is 'The PagePerfect job that waits for this crawl, if any';
comment on column public.crawl_jobs.attempt_count is 'Attempts started; also the fencing token of the running one';
comment on column public.crawl_jobs.html_length is 'Characters of the decoded HTML';

create index if not exists crawl_jobs_due_idx on public.crawl_jobs (available_at)
  where status in ('pending', 'processing');
create index if not exists crawl_jobs_page_id_idx on public.crawl_jobs (page_id);

create or replace trigger crawl_jobs_set_updated_at
before update on public.crawl_jobs
for each row execute function public.set_updated_at();

create table if not exists public.page_embeddings (
  id bigint generated always as identity primary key,
  page_id uuid not null references public.pages (id) on delete cascade,
  job_id uuid,
  position integer not null,
  kind text not null,
  heading_path text[] not null default '{}',
  text text not null,
  char_start integer,
  char_end integer,
  css_path text,
  token_count integer,
  model text not null,
  dimensions integer not null,
  embedding extensions.vector not null,
  created_at timestamptz not null default now(),
  unique (page_id, position)
);
comment on table public.page_embeddings is 'The segments of a page''s main content in document order, with their embeddings';
comment on column public.page_embeddings.char_start is 'First character of the segment in the page''s text';
comment on column public.page_embeddings.css_path is 'Where the segment stands in the page, for the place of a fix';

create table if not exists public.gsc_page_query (
  id bigint generated always as identity primary key,
  page_id uuid not null references public.pages (id) on delete cascade,
  query text not null,
  date date,
  impressions bigint not null default 0 check (impressions >= 0),
  clicks bigint not null default 0 check (clicks >= 0),
  position double precision not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint gsc_page_query_key unique nulls not distinct (page_id, query, date)
);
comment on table public.gsc_page_query is 'Search Console rows of a page';
comment on column public.gsc_page_query.date is
  'The day the row counts; null for a total over a whole export, which the next undated upload replaces';

create or replace trigger gsc_page_query_set_updated_at
before update on public.gsc_page_query
for each row execute function public.set_updated_at();

create table if not exists public.keyword_clusters (
  id bigint generated always as identity primary key,
  page_id uuid not null references public.pages (id) on delete cascade,
  job_id uuid,
  cluster_index integer not null,
  is_noise boolean not null,
  label text not null,
  medoid_query text not null,
  terms text[] not null default '{}',
  queries text[] not null,
  size integer not null check (size > 0),
  cohesion double precision,
  impressions bigint not null,
  clicks bigint not null,
  avg_position double precision,
  model text not null,
  dimensions integer not null,
  centroid extensions.vector not null,
  best_segment_id bigint references public.page_embeddings (id) on delete set null,
  best_similarity double precision,
  second_segment_id bigint references public.page_embeddings (id) on delete set null,
  second_similarity double precision,
  is_gap boolean,
  opportunity double precision,
  created_at timestamptz not null default now(),
  constraint keyword_clusters_noise_is_marked check (is_noise = (cluster_index = -1))
);
comment on table public.keyword_clusters is
  'DBSCAN clusters of a page''s queries and, marked, one row a noise point; gap_analysis adds how the page covers them';
comment on column public.keyword_clusters.opportunity is 'impressions * (1 - best_similarity)';
create index if not exists keyword_clusters_page_id_idx on public.keyword_clusters (page_id);
create index if not exists keyword_clusters_best_segment_idx on public.keyword_clusters (best_segment_id);
create index if not exists keyword_clusters_second_segment_idx on public.keyword_clusters (second_segment_id);

create table if not exists public.rewrite_recommendations (
  id bigint generated always as identity primary key,
  page_id uuid not null references public.pages (id) on delete cascade,
  job_id uuid,
  cluster_id bigint not null references public.keyword_clusters (id) on delete cascade,
  rank integer not null check (rank > 0),
  label text not null,
  opportunity double precision not null,
  impressions bigint not null,
  clicks bigint not null,
  avg_position double precision,
  threshold double precision not null,
  best_segment_id bigint references public.page_embeddings (id) on delete set null,
  best_similarity double precision not null,
  second_similarity double precision,
  created_at timestamptz not null default now(),
  unique (page_id, rank)
);
comment on table public.rewrite_recommendations is 'The gaps of a page ranked by opportunity';
create index if not exists rewrite_recommendations_cluster_id_idx on public.rewrite_recommendations (cluster_id);
create index if not exists rewrite_recommendations_segment_idx on public.rewrite_recommendations (best_segment_id);

create table if not exists public.rewrite_drafts (
  id bigint generated always as identity primary key,
  page_id uuid not null references public.pages (id) on delete cascade,
  job_id uuid not null unique,
  recommendation_id bigint references public.rewrite_recommendations (id) on delete set null,
  label text not null,
  provider text not null,
  model text not null,
  draft jsonb not null,
  prompt_tokens integer,
  completion_tokens integer,
  created_at timestamptz not null default now()
);
comment on table public.rewrite_drafts is 'Drafted sections, one a job; kept when a later analysis replaces the recommendation';
create index if not exists rewrite_drafts_page_id_idx on public.rewrite_drafts (page_id);
create index if not exists rewrite_drafts_recommendation_idx on public.rewrite_drafts (recommendation_id);

create table if not exists public.embedding_cache (
  model text not null,
  dimensions integer not null,
  text_sha256 bytea not null,
  embedding bytea not null,
  created_at timestamptz not null default now(),
  primary key (model, dimensions, text_sha256),
  constraint embedding_cache_has_all_dimensions check (octet_length(embedding) = dimensions * 4)
);
comment on table public.embedding_cache is 'Paid-for embeddings, so that no retry and no re-crawl pays twice';
comment on column public.embedding_cache.embedding is 'f32 little-endian, 4 bytes a dimension: the bytes the embedding API sends';
create index if not exists embedding_cache_created_at_idx on public.embedding_cache using brin (created_at);

-- What the cache holds of p_texts: a JSON array in their order, base64 of the f32s or null.
create or replace function public.embedding_cache_get(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  -- A subquery, not a join: before the table's first analyze a join reads all of a model's rows for each text.
  select coalesce(
    jsonb_agg(
      (
        select replace(encode(c.embedding, 'base64'), E'\n', '')
        from public.embedding_cache as c
        where c.model = p_model
          and c.dimensions = p_dimensions
          and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
      )
      order by t.ordinality
    ),
    '[]'::jsonb
  )
  from unnest(p_texts) with ordinality as t (text, ordinality);
$$;

-- Which of p_texts the cache lacks: a JSON array of their indexes from 0. Reads no vector.
create or replace function public.embedding_cache_missing(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(t.ordinality - 1 order by t.ordinality), '[]'::jsonb)
  from unnest(p_texts) with ordinality as t (text, ordinality)
  -- Counted in a subquery for the same reason as above.
  where (
    select count(*) from public.embedding_cache as c
    where c.model = p_model and c.dimensions = p_dimensions and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
  ) = 0;
$$;

-- Stores embeddings (base64 of f32s) for texts in the same order; returns how many were new.
create or replace function public.embedding_cache_put(
  p_model text,
  p_dimensions integer,
  p_texts text[],
  p_embeddings text[]
)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  if cardinality(p_texts) is distinct from cardinality(p_embeddings) then
    raise exception 'embedding_cache_put: % texts but % embeddings',
      cardinality(p_texts), cardinality(p_embeddings) using errcode = '22023';
  end if;
  insert into public.embedding_cache (model, dimensions, text_sha256, embedding)
  select distinct on (sha256(convert_to(t.text, 'UTF8')))
    p_model, p_dimensions, sha256(convert_to(t.text, 'UTF8')), decode(t.embedding, 'base64')
  from unnest(p_texts, p_embeddings) as t (text, embedding)
  order by 3
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

-- Forgets embeddings older than p_after: the largest table, and cheap to fill again. One bounded step; returns its count.
create or replace function public.prune_embedding_cache(p_after interval default '90 days', p_limit integer default 5000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.embedding_cache
  where ctid in (select c.ctid from public.embedding_cache as c where c.created_at < now() - p_after limit p_limit);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

-- Site tables are private to the service until a policy says otherwise (see the access migration).
do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'pages', 'crawl_jobs', 'page_embeddings', 'gsc_page_query', 'keyword_clusters',
    'rewrite_recommendations', 'rewrite_drafts', 'embedding_cache'
  ] loop
    execute format('alter table public.%I enable row level security', v_table);
    execute format('revoke all on public.%I from public, anon, authenticated', v_table);
    execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
  end loop;
end;
$$;

revoke execute on function public.embedding_cache_get(text, integer, text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_get(text, integer, text[]) to service_role;
revoke execute on function public.embedding_cache_missing(text, integer, text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_missing(text, integer, text[]) to service_role;
revoke execute on function public.embedding_cache_put(text, integer, text[], text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_put(text, integer, text[], text[]) to service_role;
revoke execute on function public.prune_embedding_cache(interval, integer) from public, anon, authenticated;
grant execute on function public.prune_embedding_cache(interval, integer) to service_role;

-- supabase/migrations/20251016113000_pipeline_tables.sql
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

-- supabase/migrations/20251016113100_pipeline_engine.sql
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

-- supabase/migrations/20251016113200_pipeline_operations.sql
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

-- supabase/migrations/20251016113300_pipeline_steps.sql
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

-- supabase/migrations/20251016113400_model_calls.sql
-- Calls to models: when they may be made, and what they cost. Every worker asks begin_model_call before a call and tells
-- end_model_call what became of it, so that what one learns about a limit holds for all.

-- Two of a provider's limits are known: what its answers say (capacity, refill) and what an operator sets (per_minute);
-- the stricter one counts. Both are token buckets: full at their capacity, refilled evenly.
create table if not exists public.model_limits (
  provider text not null,
  model text not null,
  unit text not null constraint model_limits_unit_check check (unit in ('requests', 'tokens', 'input_tokens', 'output_tokens')),
  per_minute double precision check (per_minute > 0),
  capacity double precision check (capacity > 0),
  refill_per_second double precision check (refill_per_second > 0),
  available double precision,
  blocked_until timestamptz,
  updated_at timestamptz not null default now(),
  primary key (provider, model, unit)
);
comment on table public.model_limits is 'Rate limits of the models, shared by all workers; set per_minute to stay below your own';
comment on column public.model_limits.provider is 'openai, anthropic, supabase, or the host name of another server';
comment on column public.model_limits.capacity is 'The limit as the provider''s answers state it';
comment on column public.model_limits.available is 'Left at updated_at; below 0 when more was used than was foreseen';
comment on column public.model_limits.blocked_until is 'The provider refused a call and asked to wait until then';

create table if not exists public.model_prices (
  provider text not null,
  model text not null,
  input_usd numeric not null check (input_usd >= 0),
  output_usd numeric check (output_usd >= 0),
  as_of date not null default current_date,
  source text not null default 'set by hand',
  primary key (provider, model)
);
comment on table public.model_prices is 'Dollars a million tokens, yours to edit; model * stands for all other models of a provider';
comment on column public.model_prices.output_usd is 'Null for models that write nothing';
comment on column public.model_prices.as_of is 'The day the price was looked up: check it against your bill';

-- What the default models cost; what is there already stays as it is.
insert into public.model_prices (provider, model, input_usd, output_usd, as_of, source) values
  ('openai', 'text-embedding-3-small', 0.02, null, '2026-07-03', 'list price, standard tier'),
  ('openai', 'text-embedding-3-large', 0.13, null, '2026-07-03', 'list price, standard tier'),
  ('openai', 'gpt-5.4-mini', 0.75, 4.50, '2026-03-20', 'list price, standard tier, nothing cached'),
  ('anthropic', 'claude-sonnet-5-5', 2, 10, '2026-10-24', 'list price, standard tier, nothing cached'),
  ('supabase', '*', 0, 0, '2026-11-01', 'part of the function''s CPU time'),
  ('localhost', '*', 0, 0, '2026-11-01', 'your own machine'),
  ('127.0.0.1', '*', 0, 0, '2026-11-01', 'your own machine'),
  ('host.docker.internal', '*', 0, 0, '2026-11-01', 'your own machine')
on conflict (provider, model) do nothing;

create table if not exists public.model_usage (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  provider text not null,
  model text not null,
  call_count integer not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric,
  created_at timestamptz not null default now(),
  primary key (job_id, stage, provider, model),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.model_usage is 'What a job''s stages used of a model, useless answers and lost attempts included; goes with its job into model_usage_history';
comment on column public.model_usage.cost_usd is 'At the prices of the moment of each call; null when one of them had no price';
create index if not exists model_usage_created_at_idx on public.model_usage (created_at);

create table if not exists public.model_usage_history (
  day date not null,
  stage text not null,
  provider text not null,
  model text not null,
  job_count integer not null,
  call_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric,
  unpriced_count integer not null,
  primary key (day, stage, provider, model)
);
comment on table public.model_usage_history is 'The usage of jobs that are deleted, by the day of their first call';

create or replace function pipeline.keep_model_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.model_usage_history as h (
    day, stage, provider, model, job_count, call_count, input_tokens, output_tokens, cost_usd, unpriced_count)
  select u.created_at::date, u.stage, u.provider, u.model, count(*), sum(u.call_count), sum(u.input_tokens), sum(u.output_tokens),
    sum(u.cost_usd), count(*) filter (where u.cost_usd is null)
  from deleted as u
  group by 1, 2, 3, 4
  on conflict (day, stage, provider, model) do update
  set job_count = h.job_count + excluded.job_count, call_count = h.call_count + excluded.call_count,
      input_tokens = h.input_tokens + excluded.input_tokens, output_tokens = h.output_tokens + excluded.output_tokens,
      cost_usd = coalesce(h.cost_usd + excluded.cost_usd, h.cost_usd, excluded.cost_usd),
      unpriced_count = h.unpriced_count + excluded.unpriced_count;
  return null;
end;
$$;

create or replace trigger keep_model_usage after delete on public.model_usage
referencing old table as deleted
for each statement execute function pipeline.keep_model_usage();

do $$
declare
  v_table text;
begin
  foreach v_table in array array['model_limits', 'model_prices', 'model_usage', 'model_usage_history'] loop
    execute format('alter table public.%I enable row level security', v_table);
  end loop;
end;
$$;

-- What a call costs, dollars; null when the model has no price.
create or replace function pipeline.model_cost(p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint)
returns numeric
language sql
stable
set search_path = ''
as $$
  select (p_input_tokens * p.input_usd + case when p_output_tokens = 0 then 0 else p_output_tokens * p.output_usd end) / 1e6
  from public.model_prices as p
  where p.provider = p_provider and p.model in (p_model, '*')
  order by p.model = '*'
  limit 1;
$$;

-- The size of a bucket, and how full it is now; null: nothing is known of its limit.
create or replace function pipeline.bucket_size(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute, p_limit.capacity);
$$;

create or replace function pipeline.bucket_refill(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute / 60, coalesce(p_limit.refill_per_second, p_limit.capacity / 60));
$$;

create or replace function pipeline.bucket_level(p_limit public.model_limits, p_now timestamptz)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(pipeline.bucket_size(p_limit),
    coalesce(p_limit.available, pipeline.bucket_size(p_limit))
      + pipeline.bucket_refill(p_limit) * greatest(extract(epoch from p_now - p_limit.updated_at), 0));
$$;

-- Leave to call a model with about p_tokens tokens: 0, and the call is counted; else the seconds to wait before asking
-- again, and nothing is counted. A call above the size of a bucket is let through when the bucket is full.
create or replace function public.begin_model_call(p_provider text, p_model text, p_tokens double precision)
returns double precision
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_wait double precision;
begin
  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  if not found then
    return 0;
  end if;
  v_now := pipeline.now(); -- with the locks in hand: another call may have been counted meanwhile
  select max(greatest(
    extract(epoch from l.blocked_until - v_now),
    (least(case when l.unit in ('tokens', 'input_tokens') then p_tokens else 1 end, pipeline.bucket_size(l))
      - pipeline.bucket_level(l, v_now)) / pipeline.bucket_refill(l)))
  into v_wait
  from public.model_limits as l
  where l.provider = p_provider and l.model = p_model;
  if v_wait > 0 then
    return least(v_wait, 3600);
  end if;
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now)
        - case l.unit when 'requests' then 1 when 'output_tokens' then 0 else p_tokens end,
      updated_at = v_now
  where l.provider = p_provider and l.model = p_model;
  return 0;
end;
$$;

-- What became of a call that begin_model_call let through with p_tokens.
--   p_usage {input_tokens, output_tokens}: null when the provider refused it
--   p_limits [{unit, limit, remaining, reset_seconds}]: what the answer said; reset_seconds is the time to the full limit
--   p_blocked_seconds: no call before that, the provider says
create or replace function public.end_model_call(
  p_job_id uuid, p_stage text, p_provider text, p_model text, p_tokens double precision,
  p_usage jsonb default null, p_limits jsonb default '[]'::jsonb, p_blocked_seconds double precision default null
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_input_tokens bigint := coalesce((p_usage ->> 'input_tokens')::bigint, 0);
  v_output_tokens bigint := coalesce((p_usage ->> 'output_tokens')::bigint, 0);
begin
  insert into public.model_usage as u (job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  select j.id, p_stage, p_provider, p_model, 1, v_input_tokens, v_output_tokens,
    pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens)
  from pipeline.jobs as j
  where p_usage is not null and j.pipeline = 'pageperfect' and j.id = p_job_id
  on conflict (job_id, stage, provider, model) do update
  set call_count = u.call_count + 1, input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, cost_usd = u.cost_usd + excluded.cost_usd;

  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  v_now := pipeline.now();
  -- What was foreseen gives way to what was used.
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now) + case l.unit
        when 'tokens' then p_tokens - v_input_tokens - v_output_tokens
        when 'input_tokens' then p_tokens - v_input_tokens
        when 'output_tokens' then -v_output_tokens
        else 0 end,
      updated_at = v_now
  where p_usage is not null and l.provider = p_provider and l.model = p_model;

  -- Calls under way are in our count and not yet in the provider's, so the lower one holds.
  insert into public.model_limits as l (provider, model, unit, capacity, refill_per_second, available, updated_at)
  select p_provider, p_model, h.unit, h."limit",
    case when h.remaining < h."limit" and h.reset_seconds > 0 then (h."limit" - h.remaining) / h.reset_seconds end,
    h.remaining, v_now
  from jsonb_to_recordset(p_limits) as h (unit text, "limit" double precision, remaining double precision, reset_seconds double precision)
  where h."limit" > 0 and h.remaining >= 0
  order by h.unit
  on conflict (provider, model, unit) do update
  set capacity = excluded.capacity, refill_per_second = coalesce(excluded.refill_per_second, l.refill_per_second),
      available = least(pipeline.bucket_level(l, v_now), excluded.available), updated_at = v_now;

  if p_blocked_seconds is not null then
    insert into public.model_limits as l (provider, model, unit, blocked_until, updated_at)
    values (p_provider, p_model, 'requests', v_now + make_interval(secs => least(p_blocked_seconds, 3600)), v_now)
    on conflict (provider, model, unit) do update
    set blocked_until = greatest(l.blocked_until, excluded.blocked_until);
  end if;
end;
$$;

-- Figures for monitoring: what models were used in the last 24 hours, and where their limits stand.
create or replace function public.model_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'usage', (select coalesce(jsonb_agg(to_jsonb(u) order by u.provider, u.model), '[]'::jsonb) from (
        select u.provider, u.model, sum(u.call_count) as call_count, sum(u.input_tokens) as input_tokens,
          sum(u.output_tokens) as output_tokens, sum(u.cost_usd) as cost_usd,
          count(*) filter (where u.cost_usd is null) as unpriced_count
        from public.model_usage as u where u.created_at > now() - interval '1 day' group by 1, 2) as u),
    'limits', (select coalesce(jsonb_agg(jsonb_build_object('provider', l.provider, 'model', l.model, 'unit', l.unit,
        'size', pipeline.bucket_size(l), 'available', pipeline.bucket_level(l, pipeline.now()),
        'blocked_seconds', greatest(extract(epoch from l.blocked_until - pipeline.now()), 0))
        order by l.provider, l.model, l.unit), '[]'::jsonb)
      from public.model_limits as l));
$$;

-- supabase/migrations/20251016114000_content_pipeline.sql
-- The content pipeline (PlanPerfect): the same engine, its own queue, tables and stages. Its workers are written step by
-- step on functions/_shared and deployed by their owners.

do $$ begin perform pipeline.add_pipeline('content', 'content'); end $$;

insert into pipeline.stage_config (pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size)
values
  ('content', 'research', 1, 'outline', 'content', 'content-research-worker', 3, 1),
  ('content', 'outline', 2, 'draft', 'content', 'content-outline-worker', 3, 1),
  ('content', 'draft', 3, 'qa', 'content', 'content-draft-worker', 2, 1),
  ('content', 'qa', 4, 'export', 'content', 'content-qa-worker', 2, 1),
  ('content', 'export', 5, 'complete', 'content', 'content-export-worker', 2, 1),
  ('content', 'complete', 6, null, 'content', 'content-complete-worker', 2, 1)
on conflict (pipeline, stage) do nothing;

-- Creates a content job and queues its first stage.
create or replace function public.create_content_job(
  p_payload jsonb default '{}'::jsonb, p_initial_stage text default 'research', p_priority integer default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid;
begin
  insert into pipeline.jobs (pipeline, stage, payload, priority)
  values ('content', p_initial_stage, coalesce(p_payload, '{}'::jsonb), coalesce(p_priority, 0))
  returning id into v_id;
  perform pipeline.log_event('content', v_id, null, 'created', 'job created');
  perform pipeline.queue_stage('content', v_id, p_initial_stage, p_payload, p_priority);
  return jsonb_build_object('job_id', v_id);
end;
$$;

-- supabase/migrations/20251016120000_pageperfect_queue_infrastructure.sql
-- The pageperfect pipeline on the engine: its tables and queue, job creation, what each stage reads and what each
-- stage commits. A commit is one transaction: lease checked, output rows replaced, stage finished, next message sent.

do $$ begin perform pipeline.add_pipeline('pageperfect', 'pageperfect'); end $$;

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

-- Creates a job from a checked request (see crates/policy, intake): finds or makes the page, upserts the keywords that
-- came along, queues the first stage. The same idempotency key gives the same job. A user (p_user_id) works on pages of
-- their own: P0002 for another's page_id, 53400 when they have as many open jobs as pipeline.user_policy allows.
create or replace function public.create_pageperfect_job(
  p_request jsonb, p_user_id uuid default null, p_traceparent text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_url text := p_request ->> 'url';
  v_page_id uuid;
  v_priority integer := coalesce((p_request ->> 'priority')::integer, 0);
  v_key text := nullif(p_request ->> 'idempotency_key', '');
  v_keyword_count integer := 0;
  v_job pipeline.jobs;
  v_payload jsonb;
  v_max_open_jobs integer;
begin
  -- A caller's key never meets another caller's.
  v_key := coalesce(p_user_id::text, 'service') || ':' || v_key;
  if v_key is not null then
    select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
    if found then
      return jsonb_build_object('job_id', v_job.id, 'page_id', v_job.page_id, 'status', v_job.status, 'created', false);
    end if;
  end if;

  if p_user_id is not null then
    -- Two requests that count the same jobs would both pass.
    perform pg_advisory_xact_lock(hashtextextended('create_pageperfect_job ' || p_user_id, 0));
    select u.max_open_jobs into v_max_open_jobs from pipeline.user_policy as u;
    if v_max_open_jobs <= (
      select count(*) from pipeline.jobs as j
      where j.pipeline = 'pageperfect' and j.user_id = p_user_id and j.status in ('queued', 'processing')
    ) then
      raise exception 'you have % open jobs, as many as may be open at once: wait until one is done', v_max_open_jobs
        using errcode = '53400';
    end if;
  end if;

  if p_request ->> 'page_id' is not null then
    select p.id, p.url into v_page_id, v_url from public.pages as p
    where p.id = (p_request ->> 'page_id')::uuid and (p_user_id is null or p.owner_id = p_user_id);
    if not found then
      raise exception 'there is no page %', p_request ->> 'page_id' using errcode = 'P0002';
    end if;
  elsif v_url is null then
    raise exception 'a job needs url or page_id' using errcode = '22023';
  else
    insert into public.pages (owner_id, url) values (p_user_id, v_url)
    on conflict (owner_id, url) do update set updated_at = now()
    returning id into v_page_id;
  end if;

  v_payload := jsonb_build_object(
    'url', v_url, 'page_id', v_page_id,
    'premium', coalesce((p_request ->> 'premium')::boolean, false),
    'ultra_premium', coalesce((p_request ->> 'ultra_premium')::boolean, false),
    'render', coalesce((p_request ->> 'render')::boolean, false),
    'generate_draft', coalesce((p_request ->> 'generate_draft')::boolean, true),
    'parameters', coalesce(p_request -> 'parameters', '{}'::jsonb));

  insert into pipeline.jobs (pipeline, url, page_id, user_id, stage, priority, payload, idempotency_key, traceparent)
  values ('pageperfect', v_url, v_page_id, p_user_id, 'submit_crawl', v_priority, v_payload, v_key, p_traceparent)
  on conflict (pipeline, idempotency_key) do nothing
  returning * into v_job;
  if not found then -- the same key, this very moment
    select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
    return jsonb_build_object('job_id', v_job.id, 'page_id', v_job.page_id, 'status', v_job.status, 'created', false);
  end if;

  if jsonb_array_length(coalesce(nullif(p_request -> 'keywords', 'null'), '[]')) > 0 then
    v_keyword_count := pipeline.put_keywords(v_page_id, p_request -> 'keywords');
  end if;
  perform pipeline.log_event('pageperfect', v_job.id, null, 'created', 'job created',
    jsonb_build_object('url', v_url, 'priority', v_priority, 'keyword_count', v_keyword_count));
  perform pipeline.queue_stage('pageperfect', v_job.id, 'submit_crawl', v_payload, v_priority);
  return jsonb_build_object('job_id', v_job.id, 'page_id', v_page_id, 'status', 'queued', 'created', true);
end;
$$;

-- Upserts undated keyword totals of a page. They are a snapshot of one export: queries of an earlier snapshot that
-- this one does not name are dropped, dated rows are untouched. Returns how many keywords there are now.
create or replace function pipeline.put_keywords(p_page_id uuid, p_keywords jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform 1 from public.pages as p where p.id = p_page_id for update;
  delete from public.gsc_page_query as g
  where g.page_id = p_page_id and g.date is null
    and g.query not in (select k ->> 'query' from jsonb_array_elements(p_keywords) as k);
  insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
  select p_page_id, k.query, null, sum(k.impressions), sum(k.clicks),
    sum(k.position * greatest(k.impressions, 1)) / sum(greatest(k.impressions, 1))
  from jsonb_to_recordset(p_keywords) as k (query text, impressions numeric, clicks numeric, position double precision)
  group by k.query
  on conflict on constraint gsc_page_query_key do update
  set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

-- The page whose Search Console rows a page is analysed with: itself, or the project's page of its URL when it has none
-- and the project shares them.
create or replace function pipeline.keyword_page_id(p_page_id uuid)
returns uuid
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select project.id
     from public.pages as p
     join public.pages as project on project.url = p.url and project.owner_id is null
     cross join pipeline.user_policy as u
     where p.id = p_page_id and u.shares_search_console
       and not exists (select 1 from public.gsc_page_query as g where g.page_id = p_page_id)),
    p_page_id);
$$;

-- A page's queries over all their rows: dated rows summed where there are any, else the undated total.
create or replace function pipeline.page_keywords(p_page_id uuid)
returns table (query text, impressions bigint, clicks bigint, "position" double precision)
language sql
stable
set search_path = ''
as $$
  with ranked as (
    select g.*, bool_or(g.date is not null) over (partition by g.query) as is_dated
    from public.gsc_page_query as g
    where g.page_id = (select pipeline.keyword_page_id(p_page_id))
  )
  select r.query, sum(r.impressions)::bigint, sum(r.clicks)::bigint,
    sum(r.position * greatest(r.impressions, 1)) / sum(greatest(r.impressions, 1))
  from ranked as r
  where (r.date is not null) = r.is_dated
  group by r.query
  order by 2 desc, 1;
$$;

-- How many of a page's keywords are analysed, those with the most impressions. With more, reading their vectors takes an
-- invocation's whole CPU time (docs/architecture.md, Budget). Yours to replace; an upgrade puts the default back.
create or replace function pipeline.max_keywords()
returns integer
language sql
immutable
set search_path = ''
as $$ select 10000 $$;

-- What a stage needs to begin its work (shapes: docs/architecture.md).
create or replace function public.get_stage_input(p_job_id uuid, p_stage text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
  v_parameters jsonb;
  v_crawl public.crawl_jobs;
  v_recommendation public.rewrite_recommendations;
  v_model text;
  v_dimensions integer;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  v_parameters := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;

  case p_stage
  when 'submit_crawl' then
    return jsonb_build_object('page_id', v_job.page_id) || (
      select jsonb_object_agg(e.key, e.value) from jsonb_each(v_job.payload) as e
      where e.key in ('url', 'premium', 'ultra_premium', 'render'));
  when 'wait_crawl' then
    return jsonb_build_object(
      'crawl', jsonb_build_object('id', v_crawl.id, 'status', v_crawl.status, 'error', v_crawl.error,
        'html_length', v_crawl.html_length, 'processing_time_ms', v_crawl.processing_time_ms,
        'created_at', v_crawl.created_at),
      'waited_seconds', greatest(extract(epoch from pipeline.now() - v_crawl.queued_at), 0));
  when 'segment_embed' then
    return jsonb_build_object('url', coalesce(v_crawl.final_url, v_job.url), 'page_id', v_job.page_id, 'html', v_crawl.html);
  when 'keyword_clustering' then
    return (select jsonb_build_object(
      'page_id', v_job.page_id,
      'eps', coalesce((v_parameters ->> 'eps')::double precision, 0.3),
      'min_points', coalesce((v_parameters ->> 'min_points')::integer, 2),
      'max_cluster_size', (v_parameters ->> 'max_cluster_size')::integer,
      'exact', coalesce((v_parameters ->> 'exact')::boolean, false),
      'keywords', coalesce(jsonb_agg(k.keyword order by k.place) filter (where k.place <= pipeline.max_keywords()), '[]'::jsonb),
      'left_out_count', count(*) filter (where k.place > pipeline.max_keywords()))
    from (
      select to_jsonb(k) - 'ordinality' as keyword, k.ordinality as place
      from pipeline.page_keywords(v_job.page_id) with ordinality as k) as k);
  when 'gap_analysis' then
    select k.model, k.dimensions into v_model, v_dimensions
    from public.keyword_clusters as k where k.page_id = v_job.page_id limit 1;
    if exists (
      select 1 from public.page_embeddings as e
      where e.page_id = v_job.page_id and (e.model, e.dimensions) is distinct from (v_model, v_dimensions)
    ) and v_model is not null then
      -- A job with another model is at work on the page; its clusters come next.
      raise exception 'page % has segments and clusters of different embedding models', v_job.page_id using errcode = '55000';
    end if;
    -- The vectors come in chunks, through get_vectors.
    return jsonb_build_object(
      'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
      'top', coalesce((v_parameters ->> 'top')::integer, 10),
      'model', v_model, 'dimensions', v_dimensions,
      -- Only vectors of one model are ever compared.
      'segments', (
        select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind) order by e.position), '[]'::jsonb)
        from public.page_embeddings as e
        where e.page_id = v_job.page_id and e.model = v_model and e.dimensions = v_dimensions),
      'clusters', (
        select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'is_noise', k.is_noise,
          'impressions', k.impressions, 'avg_position', k.avg_position) order by k.id), '[]'::jsonb)
        from public.keyword_clusters as k where k.page_id = v_job.page_id));
  when 'rewrite_draft' then
    select * into v_recommendation from public.rewrite_recommendations as r
    where r.page_id = v_job.page_id order by r.rank limit 1;
    return jsonb_build_object(
      'generate_draft', coalesce((v_job.payload ->> 'generate_draft')::boolean, true),
      'recommendation_id', v_recommendation.id,
      'prompt_input', case when v_recommendation.id is not null then jsonb_build_object(
        'page', (select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language, 'headings', (
                   select coalesce(jsonb_agg(e.text order by e.position), '[]'::jsonb) from public.page_embeddings as e
                   where e.page_id = p.id and e.kind = 'heading'),
                   -- What the page itself says nearest to the topic: the facts a draft may use.
                   'excerpts', (select coalesce(jsonb_agg(n.text), '[]'::jsonb) from (
                     select left(e.text, 600) as text
                     from public.page_embeddings as e
                     join public.keyword_clusters as k on k.id = v_recommendation.cluster_id
                     where e.page_id = p.id and e.kind <> 'heading' and e.model = k.model and e.dimensions = k.dimensions
                     order by e.embedding operator(extensions.<=>) k.centroid, e.position
                     limit 12) as n))
                 from public.pages as p where p.id = v_job.page_id),
        'recommendation', (select jsonb_build_object(
                   'label', v_recommendation.label, 'queries', to_jsonb(k.queries), 'impressions', v_recommendation.impressions,
                   'best_similarity', v_recommendation.best_similarity,
                   -- A heading is the last step of its own section's path.
                   'best_heading_path', coalesce(to_jsonb(
                     case when e.kind = 'heading' then e.heading_path || e.text else e.heading_path end), '[]'::jsonb),
                   'best_text', coalesce(e.text, ''))
                 from public.keyword_clusters as k
                 left join public.page_embeddings as e on e.id = v_recommendation.best_segment_id
                 where k.id = v_recommendation.cluster_id)) end);
  else
    raise exception 'there is no stage %', p_stage using errcode = '22023';
  end case;
end;
$$;

-- The running usage of a job with this stage's added, as a fact for the payload.
create or replace function pipeline.usage_fact(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select case when jsonb_typeof(p_output -> 'usage') = 'object' then jsonb_build_object(
    'usage', coalesce(p_lease.message -> 'payload' -> 'usage', '{}'::jsonb)
      || jsonb_build_object(p_lease.stage, p_output -> 'usage')) else '{}'::jsonb end;
$$;

-- Sends a job back to an earlier stage, in place of the commit of the leased one, which begins anew when its turn comes.
create or replace function pipeline.go_back(p_lease pipeline.lease, p_stage text, p_message text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.delete_message(p_lease.queue, p_lease.msg_id);
  delete from pipeline.job_stages as s
  where s.pipeline = p_lease.pipeline and s.job_id = p_lease.job_id and s.stage = p_lease.stage;
  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'sent_back', p_message,
    jsonb_build_object('msg_id', p_lease.msg_id, 'to', p_stage));
  perform pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, p_stage, (p_lease.message -> 'payload') - 'progress',
    coalesce((p_lease.message ->> 'priority')::integer, 0));
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', p_stage);
end;
$$;

-- The lease of a commit, refused when it is some other stage's. Locks the page, so that two jobs on one page
-- replace its rows one after the other.
create or replace function pipeline.lock_commit(p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  end if;
  if v_lease.status = 'held' then
    perform 1 from public.pages as p where p.id = v_lease.page_id for update;
    if not found then
      raise exception 'the page of job % is gone', v_lease.job_id using errcode = 'P0002';
    end if;
  end if;
  return v_lease;
end;
$$;

create or replace function public.commit_submit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('submit_crawl', p_msg_id, p_read_ct);
  v_crawl_job_id uuid;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  insert into public.crawl_jobs (page_id, job_id, url, premium, ultra_premium, render, queued_at, available_at)
  values (v_lease.page_id, v_lease.job_id, p_output ->> 'url',
    coalesce((p_output ->> 'premium')::boolean, false),
    coalesce((p_output ->> 'ultra_premium')::boolean, false),
    coalesce((p_output ->> 'render')::boolean, false), pipeline.now(), pipeline.now())
  returning id into v_crawl_job_id;
  return pipeline.finish_stage(v_lease, jsonb_build_object('crawl_job_id', v_crawl_job_id));
end;
$$;

create or replace function public.commit_wait_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('wait_crawl', p_msg_id, p_read_ct);
  v_crawl public.crawl_jobs;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  select * into v_crawl from public.crawl_jobs as c
  where c.job_id = v_lease.job_id and c.status = 'completed' order by c.created_at desc limit 1;
  if not found then
    raise exception 'the crawl of job % is not completed', v_lease.job_id using errcode = '55000';
  end if;
  return pipeline.finish_stage(v_lease, jsonb_build_object(
    'crawl_job_id', v_crawl.id, 'html_length', v_crawl.html_length, 'crawl_processing_time_ms', v_crawl.processing_time_ms));
end;
$$;

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

-- Keeps vectors (pgvector text) for the commit of the leased stage, from position p_first on. Repeating it changes
-- nothing; another p_digest drops what an earlier input left. Returns {status: staged | lease_lost | cancelled, count}.
create or replace function public.stage_vectors(
  p_msg_id bigint, p_read_ct integer, p_digest text, p_first integer, p_vectors text[]
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status, 'count', 0);
  end if;
  delete from pipeline.staged_vectors as s
  where s.job_id = v_lease.job_id and s.stage = v_lease.stage and s.digest <> p_digest;
  insert into pipeline.staged_vectors (job_id, stage, position, digest, vector)
  select v_lease.job_id, v_lease.stage, p_first + v.ordinality - 1, p_digest, v.vector::extensions.vector
  from unnest(p_vectors) with ordinality as v (vector, ordinality)
  on conflict (job_id, stage, position) do update set vector = excluded.vector;
  return jsonb_build_object('status', 'staged', 'count', (
    select count(*) from pipeline.staged_vectors as s where s.job_id = v_lease.job_id and s.stage = v_lease.stage));
end;
$$;

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

-- Keeps the leased stage's state (base64) in place of an earlier one. Returns {status: saved | lease_lost | cancelled}.
create or replace function public.save_checkpoint(p_msg_id bigint, p_read_ct integer, p_digest text, p_state text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  insert into pipeline.stage_checkpoints (job_id, stage, digest, state)
  values (v_lease.job_id, v_lease.stage, p_digest, decode(p_state, 'base64'))
  on conflict (job_id, stage) do update set digest = excluded.digest, state = excluded.state;
  return jsonb_build_object('status', 'saved');
end;
$$;

-- The state that a stage saved for this input, base64; null when there is none.
create or replace function public.load_checkpoint(p_job_id uuid, p_stage text, p_digest text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select replace(encode(c.state, 'base64'), E'\n', '') from pipeline.stage_checkpoints as c
  where c.job_id = p_job_id and c.stage = p_stage and c.digest = p_digest;
$$;

-- What a stage keeps between its invocations goes once its commit has taken it.
create or replace function pipeline.drop_unfinished(p_lease pipeline.lease)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.staged_vectors where job_id = p_lease.job_id and stage = p_lease.stage;
  delete from pipeline.stage_checkpoints where job_id = p_lease.job_id and stage = p_lease.stage;
$$;

-- Vectors of rows of 'page_embeddings' or 'keyword_clusters' in the order of p_ids: base64 of Postgres' binary vectors, one
-- after the other. Raises 40001 when a row is gone, since its page was analysed anew.
create or replace function public.get_vectors(p_table text, p_ids bigint[])
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_count integer;
  v_bytes bytea;
begin
  if p_table = 'page_embeddings' then
    select count(*), string_agg(extensions.vector_send(e.embedding), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.page_embeddings as e on e.id = i.id;
  elsif p_table = 'keyword_clusters' then
    select count(*), string_agg(extensions.vector_send(k.centroid), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.keyword_clusters as k on k.id = i.id;
  else
    raise exception 'get_vectors: % has no vectors', p_table using errcode = '22023';
  end if;
  if v_count <> cardinality(p_ids) then
    raise exception 'rows of % were replaced while they were read', p_table using errcode = '40001';
  end if;
  return replace(encode(coalesce(v_bytes, ''), 'base64'), E'\n', '');
end;
$$;

create or replace function public.commit_segment_embed(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('segment_embed', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.pages
  set title = p_output -> 'page' ->> 'title', description = p_output -> 'page' ->> 'description',
      language = p_output -> 'page' ->> 'language', canonical_url = p_output -> 'page' ->> 'canonical_url',
      published_at = p_output -> 'page' ->> 'published_at'
  where id = v_lease.page_id;

  delete from public.page_embeddings where page_id = v_lease.page_id;
  insert into public.page_embeddings (
    page_id, job_id, position, kind, heading_path, text, char_start, char_end, css_path, token_count, model, dimensions, embedding)
  select v_lease.page_id, v_lease.job_id, s.position, s.kind, coalesce(s.heading_path, '{}'), s.text,
    s.char_start, s.char_end, s.css_path, s.token_count,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(s.embedding::extensions.vector, v.vector)
  from rows from (jsonb_to_recordset(p_output -> 'segments') as (
    position integer, kind text, heading_path text[], text text, char_start integer, char_end integer,
    css_path text, token_count integer, embedding text)) with ordinality as s (
    position, kind, heading_path, text, char_start, char_end, css_path, token_count, embedding, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = s.ordinality - 1
    and v.digest = p_output ->> 'digest';
  get diagnostics v_count = row_count;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('paragraph_count', v_count) || pipeline.usage_fact(v_lease, p_output));
end;
$$;

create or replace function public.commit_keyword_clustering(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('keyword_clustering', p_msg_id, p_read_ct);
  v_count integer;
  v_noise_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if exists (
    select 1 from public.page_embeddings as e
    where e.page_id = v_lease.page_id
      and (e.model, e.dimensions) is distinct from (p_output ->> 'model', (p_output ->> 'dimensions')::integer)
  ) then
    return pipeline.go_back(v_lease, 'segment_embed', format('the embedding model became %s', p_output ->> 'model'));
  end if;
  delete from public.keyword_clusters where page_id = v_lease.page_id;
  insert into public.keyword_clusters (
    page_id, job_id, cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion,
    impressions, clicks, avg_position, model, dimensions, centroid)
  select v_lease.page_id, v_lease.job_id, c.cluster_index, c.is_noise, c.label, c.medoid_query, coalesce(c.terms, '{}'), c.queries,
    c.size, c.cohesion, c.impressions::bigint, c.clicks::bigint, c.avg_position,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(c.centroid::extensions.vector, v.vector)
  from rows from (jsonb_to_recordset(p_output -> 'clusters') as (
    cluster_index integer, is_noise boolean, label text, medoid_query text, terms text[], queries text[], size integer,
    cohesion double precision, impressions numeric, clicks numeric, avg_position double precision, centroid text))
    with ordinality as c (
    cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion, impressions, clicks, avg_position,
    centroid, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = c.ordinality - 1
    and v.digest = p_output ->> 'digest'
  order by c.ordinality;
  perform pipeline.drop_unfinished(v_lease);
  select count(*) filter (where not k.is_noise), count(*) filter (where k.is_noise) into v_count, v_noise_count
  from public.keyword_clusters as k where k.page_id = v_lease.page_id;
  return pipeline.finish_stage(v_lease,
    jsonb_build_object('cluster_count', v_count, 'noise_count', v_noise_count,
      'eps', p_output -> 'eps', 'min_points', p_output -> 'min_points', 'max_cluster_size', p_output -> 'max_cluster_size',
      'is_exact', p_output -> 'is_exact',
      'left_out_keyword_count', coalesce((p_output ->> 'left_out_count')::integer, 0))
    || pipeline.usage_fact(v_lease, p_output));
end;
$$;

create or replace function public.commit_gap_analysis(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('gap_analysis', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.keyword_clusters as k
  set best_segment_id = m.best_segment_id, best_similarity = m.best_similarity,
      second_segment_id = m.second_segment_id, second_similarity = m.second_similarity,
      is_gap = m.is_gap, opportunity = m.opportunity
  from jsonb_to_recordset(p_output -> 'coverage') as m (
    cluster_id bigint, best_segment_id bigint, best_similarity double precision, second_segment_id bigint,
    second_similarity double precision, is_gap boolean, opportunity double precision)
  where k.id = m.cluster_id and k.page_id = v_lease.page_id;

  delete from public.rewrite_recommendations where page_id = v_lease.page_id;
  insert into public.rewrite_recommendations (
    page_id, job_id, cluster_id, rank, label, opportunity, impressions, clicks, avg_position, threshold,
    best_segment_id, best_similarity, second_similarity)
  select v_lease.page_id, v_lease.job_id, k.id, m.rank, k.label, m.opportunity, k.impressions, k.clicks, k.avg_position,
    (p_output ->> 'threshold')::double precision, m.best_segment_id, m.best_similarity, m.second_similarity
  from jsonb_to_recordset(p_output -> 'recommendations') as m (
    cluster_id bigint, rank integer, opportunity double precision, best_segment_id bigint,
    best_similarity double precision, second_similarity double precision)
  join public.keyword_clusters as k on k.id = m.cluster_id and k.page_id = v_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_output -> 'recommendations') then
    -- Another job replaced the clusters meanwhile; the retry scores the new ones.
    raise exception 'the clusters of page % were replaced while they were scored', v_lease.page_id using errcode = '40001';
  end if;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('gap_count', v_count, 'threshold', p_output -> 'threshold', 'top', p_output -> 'top'));
end;
$$;

create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('rewrite_draft', p_msg_id, p_read_ct);
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if coalesce((p_output ->> 'skipped')::boolean, false) then
    v_facts := jsonb_build_object('draft_skipped', p_output ->> 'reason');
  else
    insert into public.rewrite_drafts (
      page_id, job_id, recommendation_id, label, provider, model, draft, prompt_tokens, completion_tokens)
    select v_lease.page_id, v_lease.job_id, r.id, r.label, p_output ->> 'provider', p_output ->> 'model', p_output -> 'draft',
      (p_output ->> 'prompt_tokens')::integer, (p_output ->> 'completion_tokens')::integer
    from public.rewrite_recommendations as r
    where r.id = (p_output ->> 'recommendation_id')::bigint
    on conflict (job_id) do update
    set recommendation_id = excluded.recommendation_id, label = excluded.label, provider = excluded.provider,
        model = excluded.model, draft = excluded.draft, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens;
    if not found then
      raise exception 'recommendation % was replaced while its draft was written', p_output ->> 'recommendation_id'
        using errcode = '40001';
    end if;
    v_facts := jsonb_build_object('draft_model', p_output ->> 'model') || pipeline.usage_fact(v_lease, jsonb_build_object(
      'usage', jsonb_build_object('prompt_tokens', p_output -> 'prompt_tokens', 'completion_tokens', p_output -> 'completion_tokens')));
  end if;
  return pipeline.finish_stage(v_lease, v_facts,
    pipeline.pageperfect_analysis(v_lease.job_id, v_lease.page_id,
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || v_facts));
end;
$$;

-- Everything an analysis found, as one value: the job's result, and the body of the report while it still runs.
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'page', (select jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at)
      from public.pages as p where p.id = p_page_id),
    'crawl', (select jsonb_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1),
    'segments', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p_page_id),
    'clusters', (select coalesce(jsonb_agg(
        to_jsonb(k) - 'centroid' - 'page_id' - 'job_id' - 'created_at' - 'model' - 'dimensions'
        order by k.is_noise, k.impressions desc, k.id), '[]'::jsonb)
      from public.keyword_clusters as k where k.page_id = p_page_id),
    'recommendations', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rank', r.rank, 'cluster_id', r.cluster_id,
        'label', r.label, 'queries', k.queries, 'opportunity', r.opportunity, 'impressions', r.impressions, 'clicks', r.clicks,
        'avg_position', r.avg_position, 'best_similarity', r.best_similarity, 'second_similarity', r.second_similarity,
        'best_heading_path', e.heading_path, 'best_kind', e.kind, 'best_text', left(e.text, 400), 'best_css_path', e.css_path,
        'best_char_start', e.char_start, 'best_char_end', e.char_end) order by r.rank), '[]'::jsonb)
      from public.rewrite_recommendations as r
      join public.keyword_clusters as k on k.id = r.cluster_id
      left join public.page_embeddings as e on e.id = r.best_segment_id
      where r.page_id = p_page_id),
    'draft', (select d.draft || jsonb_build_object('recommendation_id', d.recommendation_id, 'label', d.label,
        'provider', d.provider, 'model', d.model)
      from public.rewrite_drafts as d where d.job_id = p_job_id),
    'parameters', jsonb_build_object(
      'eps', p_payload -> 'eps', 'min_points', p_payload -> 'min_points', 'max_cluster_size', p_payload -> 'max_cluster_size',
      'is_exact', p_payload -> 'is_exact',
      'left_out_keyword_count', p_payload -> 'left_out_keyword_count',
      'similarity_threshold', p_payload -> 'threshold', 'top', p_payload -> 'top',
      'model', (select e.model from public.page_embeddings as e where e.page_id = p_page_id limit 1),
      'dimensions', (select e.dimensions from public.page_embeddings as e where e.page_id = p_page_id limit 1)),
    'draft_skipped', p_payload -> 'draft_skipped',
    'usage', coalesce(p_payload -> 'usage', '{}'::jsonb),
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'::jsonb)
      from public.model_usage as u where u.job_id = p_job_id));
$$;

-- The report of a job at any moment of its life.
create or replace function public.get_pageperfect_report(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return coalesce(v_job.result, pipeline.pageperfect_analysis(p_job_id, v_job.page_id,
      v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}'::jsonb)))
    || jsonb_build_object(
      'job', jsonb_build_object('id', v_job.id, 'url', v_job.url, 'status', v_job.status, 'stage', v_job.stage,
        'priority', v_job.priority, 'error', v_job.error, 'created_at', v_job.created_at, 'completed_at', v_job.completed_at,
        'parameters', v_job.payload -> 'parameters'),
      'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'),
          'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', s.max_attempts, 'started_at', s.started_at,
          'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at, 'last_error', s.last_error,
          'duration_ms', round(extract(epoch from s.finished_at - s.started_at) * 1000)) order by c.position), '[]'::jsonb)
        from pipeline.stage_config as c
        left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
        where c.pipeline = 'pageperfect'),
      'dead_letters', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'stage', d.stage, 'reason', d.failure_reason,
          'error_details', d.error_details, 'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id), '[]'::jsonb)
        from pipeline.dead_letters as d where d.pipeline = 'pageperfect' and d.job_id = p_job_id));
end;
$$;

-- supabase/migrations/20251016120050_crawl_queue.sql
-- Crawls: a small queue of their own on crawl_jobs, worked by crawl-cron. attempt_count is the fencing token: a crawl
-- that was taken over changes nothing. A finished crawl wakes the stage that waits for it in the same transaction.

alter table public.crawl_jobs add column if not exists host text
  generated always as (coalesce(lower(substring(url from '^[A-Za-z]+://([^/?#]+)')), '')) stored;
comment on column public.crawl_jobs.host is 'Host of the URL, with its port if it names one; crawls of one host are limited';
create index if not exists crawl_jobs_due_by_host_idx on public.crawl_jobs (host, available_at, id)
  where status in ('pending', 'processing');
create index if not exists crawl_jobs_running_by_host_idx on public.crawl_jobs (host) where status = 'processing';

-- How many crawls of one host may run at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.crawls_per_host()
returns integer
language sql
immutable
set search_path = ''
as $$ select 2 $$;

-- Due crawls, now leased to the caller: the longest waiting of each host, hosts in turn, no more of one host at once than
-- crawls_per_host. Crawls whose runner went silent are taken over, or failed when their attempts are used up. `previous`
-- is an earlier crawl of the URL whose HTML is still here, for a conditional request.
create or replace function public.claim_crawl_jobs(p_limit integer default 5, p_lease_seconds integer default 120)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_per_host integer := pipeline.crawls_per_host();
  v_dead record;
  v_claimed jsonb;
begin
  -- Two claims that count the same running crawls would both fill the host up.
  perform pg_advisory_xact_lock(hashtextextended('claim_crawl_jobs', 0));

  for v_dead in
    update public.crawl_jobs as c
    set status = 'failed', lease_expires_at = null, finished_at = v_now,
        error = jsonb_build_object('code', 'crawler_died', 'retryable', true,
          'message', 'the crawl ended without a report ' || c.attempt_count || ' times')
    where c.status = 'processing' and c.lease_expires_at <= v_now and c.attempt_count >= c.max_attempts
    returning c.job_id
  loop
    perform pipeline.wake_stage('pageperfect', v_dead.job_id, 'wait_crawl');
  end loop;

  -- A step for each host and not for each waiting crawl: one site's thousands cost the others nothing.
  with recursive hosts as (
    (select c.host from public.crawl_jobs as c where c.status in ('pending', 'processing') order by c.host limit 1)
    union all
    select (
      select c.host from public.crawl_jobs as c
      where c.status in ('pending', 'processing') and c.host > h.host order by c.host limit 1)
    from hosts as h where h.host is not null
  ),
  due as (
    select d.id
    from hosts as h
    cross join lateral (
      select count(*) as count from public.crawl_jobs as c
      where c.host = h.host and c.status = 'processing' and c.lease_expires_at > v_now
    ) as running
    cross join lateral (
      select c.id, c.available_at, running.count + row_number() over (order by c.available_at, c.id) as turn
      from public.crawl_jobs as c
      where c.host = h.host and c.available_at <= v_now and (
        c.status = 'pending'
        or (c.status = 'processing' and c.lease_expires_at <= v_now and c.attempt_count < c.max_attempts))
      order by c.available_at, c.id
      limit greatest(v_per_host - running.count, 0)
    ) as d
    order by d.turn, d.available_at
    limit p_limit
  ),
  -- The condition once more: a crawl that reports at this moment is no longer due.
  locked as (
    select c.id from public.crawl_jobs as c
    where c.id in (select d.id from due as d) and (
      c.status = 'pending' or (c.status = 'processing' and c.lease_expires_at <= v_now))
    for update skip locked
  ),
  claimed as (
    update public.crawl_jobs as c
    set status = 'processing', attempt_count = c.attempt_count + 1,
        lease_expires_at = v_now + make_interval(secs => p_lease_seconds)
    from locked where c.id = locked.id
    returning c.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', c.id, 'job_id', c.job_id, 'url', c.url, 'premium', c.premium, 'ultra_premium', c.ultra_premium, 'render', c.render,
    'attempt_count', c.attempt_count, 'max_attempts', c.max_attempts, 'previous', (
      select jsonb_build_object('id', p.id, 'final_url', p.final_url, 'etag', p.etag, 'last_modified', p.last_modified)
      from public.crawl_jobs as p
      where p.page_id = c.page_id and p.url = c.url and p.status = 'completed' and p.provider = 'direct'
        and (p.etag is not null or p.last_modified is not null)
      order by p.finished_at desc limit 1))
    order by c.available_at), '[]'::jsonb)
  into v_claimed from claimed as c;
  return v_claimed;
end;
$$;

-- With not_modified in p_output the page is as previous_crawl_job_id found it, whose HTML becomes this crawl's as well.
create or replace function public.complete_crawl(p_crawl_job_id uuid, p_attempt_count integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_previous public.crawl_jobs;
  v_woken boolean;
begin
  select * into v_crawl from public.crawl_jobs as c
  where c.id = p_crawl_job_id and c.attempt_count = p_attempt_count and c.status = 'processing'
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost', 'woken_count', 0);
  end if;
  if (p_output ->> 'not_modified')::boolean then
    select * into v_previous from public.crawl_jobs as c
    where c.id = (p_output ->> 'previous_crawl_job_id')::uuid and c.page_id = v_crawl.page_id and c.status = 'completed';
    if not found then
      -- Pruned meanwhile. The next attempt asks for the whole page.
      raise exception 'the earlier crawl % of this page is gone', p_output ->> 'previous_crawl_job_id' using errcode = '55000';
    end if;
  end if;
  update public.crawl_jobs as c
  set status = 'completed', lease_expires_at = null, error = null, finished_at = pipeline.now(),
      html = coalesce(p_output ->> 'html', v_previous.html),
      html_length = coalesce(length(p_output ->> 'html'), v_previous.html_length),
      http_status = (p_output ->> 'http_status')::integer,
      final_url = coalesce(p_output ->> 'final_url', v_previous.final_url),
      content_type = coalesce(p_output ->> 'content_type', v_previous.content_type),
      etag = p_output ->> 'etag', last_modified = p_output ->> 'last_modified',
      provider = p_output ->> 'provider', processing_time_ms = (p_output ->> 'processing_time_ms')::numeric::integer
  where c.id = v_crawl.id;
  update public.pages set last_crawled_at = pipeline.now() where id = v_crawl.page_id;
  v_woken := pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  return jsonb_build_object('status', 'completed', 'woken_count', v_woken::integer);
end;
$$;

-- Applies what Rust decided about a failed crawl attempt. p_error.retryable says whether a later resubmission may help.
create or replace function public.fail_crawl(
  p_crawl_job_id uuid, p_attempt_count integer, p_error jsonb, p_action text, p_delay_seconds numeric default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_crawl public.crawl_jobs;
begin
  update public.crawl_jobs as c
  set status = case when p_action = 'retry' and c.attempt_count < c.max_attempts then 'pending' else 'failed' end,
      lease_expires_at = null, error = p_error, available_at = v_now + v_delay,
      http_status = (p_error ->> 'http_status')::integer,
      finished_at = case when p_action = 'retry' and c.attempt_count < c.max_attempts then null else v_now end
  where c.id = p_crawl_job_id and c.attempt_count = p_attempt_count and c.status = 'processing'
  returning * into v_crawl;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  elsif v_crawl.status = 'pending' then
    return jsonb_build_object('status', 'retry_scheduled', 'available_at', v_crawl.available_at);
  end if;
  perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  return jsonb_build_object('status', 'failed');
end;
$$;

-- The retry hook of wait_crawl: a crawl that failed is submitted again with new attempts. The count goes on, since it
-- is the fencing token.
create or replace function pipeline.resubmit_crawl(p_job_id uuid, p_delay interval)
returns void
language sql
set search_path = ''
as $$
  update public.crawl_jobs as c
  set status = 'pending', max_attempts = c.attempt_count + 3, error = null, finished_at = null,
      queued_at = pipeline.now() + p_delay, available_at = pipeline.now() + p_delay
  where c.job_id = p_job_id and c.status = 'failed';
$$;

-- Crawls that are due now: whether crawl-cron has work.
create or replace function public.pending_crawl_count()
returns integer
language sql
stable
security definer
set search_path = ''
as $$
  select count(*)::integer from public.crawl_jobs as c
  where (c.status = 'pending' and c.available_at <= pipeline.now())
    or (c.status = 'processing' and c.lease_expires_at <= pipeline.now());
$$;

-- Deletes finished crawls, which hold the page's HTML, once nothing will read them again: their job is completed,
-- cancelled or gone. A failed job keeps its crawl, since a replay goes on from it. One bounded step; returns its count.
create or replace function public.prune_crawls(p_after interval default '7 days', p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.crawl_jobs where id in (
    select c.id from public.crawl_jobs as c
    where c.status in ('completed', 'failed') and c.finished_at < pipeline.now() - p_after
      and not exists (
        select from pipeline.jobs as j
        where j.pipeline = 'pageperfect' and j.id = c.job_id and j.status in ('queued', 'processing', 'failed'))
    limit p_limit
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

-- supabase/migrations/20251016120100_pageperfect_dispatcher_config.sql
-- The six stages: who works them, how many at once, how they are retried. Rows already there are an operator's and stay.

insert into pipeline.stage_config (
  stage, queue, worker, max_concurrency, trigger_batch_size,
  pipeline, position, next_stage, max_attempts, retry_delay_seconds, max_retry_delay_seconds, retry_hook)
values
  ('submit_crawl', 'pageperfect', 'pageperfect-submit-crawl-worker', 3, 1,
    'pageperfect', 1, 'wait_crawl', 5, 5, 300, null),
  ('wait_crawl', 'pageperfect', 'pageperfect-wait-crawl-worker', 2, 1,
    'pageperfect', 2, 'segment_embed', 3, 30, 900, 'pipeline.resubmit_crawl'),
  ('segment_embed', 'pageperfect', 'pageperfect-segment-embed-worker', 3, 1,
    'pageperfect', 3, 'keyword_clustering', 5, 10, 900, null),
  ('keyword_clustering', 'pageperfect', 'pageperfect-keyword-clustering-worker', 2, 1,
    'pageperfect', 4, 'gap_analysis', 5, 10, 900, null),
  ('gap_analysis', 'pageperfect', 'pageperfect-gap-analysis-worker', 2, 1,
    'pageperfect', 5, 'rewrite_draft', 5, 5, 300, null),
  ('rewrite_draft', 'pageperfect', 'pageperfect-rewrite-draft-worker', 2, 1,
    'pageperfect', 6, null, 5, 10, 900, null)
on conflict (pipeline, stage) do nothing;

-- supabase/migrations/20251016120200_pageperfect_views.sql
-- What an operator looks at. Views run with the reader's rights, so a user sees only their own jobs.

create or replace view public.v_pageperfect_job_status
with (security_invoker = true)
as
select
  j.id as job_id,
  j.url,
  j.status,
  j.stage,
  s.status as stage_status,
  s.attempt_count as stage_attempt_count,
  s.max_attempts as stage_max_attempts,
  coalesce(t.completed_count, 0) as completed_stage_count,
  j.attempt_count,
  j.priority,
  s.next_retry_at,
  coalesce(j.error, s.last_error) as last_error,
  j.created_at,
  j.updated_at,
  j.completed_at,
  round(extract(epoch from coalesce(j.completed_at, j.cancelled_at, j.last_dead_letter_at, now()) - j.created_at)::numeric, 1) as age_seconds,
  j.page_id
from public.pageperfect_jobs as j
left join public.pageperfect_job_stages as s on s.job_id = j.id and s.stage = j.stage
left join lateral (
  select count(*) as completed_count from public.pageperfect_job_stages as t
  where t.job_id = j.id and t.status = 'completed'
) as t on true
order by j.created_at desc;
comment on view public.v_pageperfect_job_status is 'Where every job stands';

create or replace view public.v_pageperfect_backlog
with (security_invoker = true)
as
select m.stage, m.ready_count, m.sleeping_count, m.in_flight_count, m.max_concurrency, m.oldest_ready_seconds, m.failed_count
from pipeline.stage_metrics as m
where m.pipeline = 'pageperfect'
order by m.position;
comment on view public.v_pageperfect_backlog is 'Per stage: what waits, since when, what runs';

create or replace view public.v_pageperfect_in_flight
with (security_invoker = true)
as
select s.job_id, s.stage, s.attempt_count, s.msg_id, s.started_at, s.lease_expires_at,
  round(extract(epoch from now() - s.started_at)::numeric, 1) as running_seconds
from public.pageperfect_job_stages as s
where s.status = 'processing'
order by s.started_at;
comment on view public.v_pageperfect_in_flight is 'Stages a worker holds now';

create or replace view public.v_pageperfect_failures
with (security_invoker = true)
as
select d.stage, d.failure_reason, count(*) as dead_letter_count, count(*) filter (where d.replayed_at is null) as open_count,
  min(d.routed_at) as first_at, max(d.routed_at) as last_at
from public.pageperfect_dead_letters as d
group by d.stage, d.failure_reason
order by last_at desc;
comment on view public.v_pageperfect_failures is 'Dead letters by stage and reason';

create or replace view public.v_pageperfect_throughput
with (security_invoker = true)
as
select date_trunc('hour', e.created_at) as hour, e.stage,
  count(*) filter (where e.status = 'completed') as completed_count,
  count(*) filter (where e.status = 'retry_scheduled') as retry_count,
  count(*) filter (where e.status = 'lease_expired') as lease_expired_count,
  count(*) filter (where e.status = 'dead_lettered') as dead_letter_count,
  round(avg((e.metadata ->> 'duration_ms')::numeric) filter (where e.status = 'completed')) as avg_duration_ms
from public.pageperfect_job_events as e
where e.stage is not null and e.created_at > now() - interval '7 days'
group by 1, 2
order by 1 desc, 2;
comment on view public.v_pageperfect_throughput is 'Per hour and stage: completions, retries, losses, duration';

create or replace view public.v_pageperfect_costs
with (security_invoker = true)
as
select date_trunc('day', u.created_at)::date as day, j.url, u.stage, u.provider, u.model,
  count(distinct u.job_id) as job_count, sum(u.call_count) as call_count,
  sum(u.input_tokens) as input_tokens, sum(u.output_tokens) as output_tokens,
  sum(u.cost_usd) as cost_usd, count(*) filter (where u.cost_usd is null) as unpriced_count
from public.model_usage as u
join public.pageperfect_jobs as j on j.id = u.job_id
group by 1, 2, 3, 4, 5
union all
select h.day, null, h.stage, h.provider, h.model, h.job_count, h.call_count, h.input_tokens, h.output_tokens, h.cost_usd,
  h.unpriced_count
from public.model_usage_history as h
order by 1 desc, 2, 3;
comment on view public.v_pageperfect_costs is
  'Per day, page (null for jobs that are deleted), stage and model: tokens and dollars; unpriced_count rows have no price and are missing from cost_usd';

-- supabase/migrations/20251016120300_access.sql
-- Who may do what. Nothing is reachable by anon. A signed-in user reads their own jobs and pages and what hangs on them.
-- Everything else belongs to service_role. Right under both of Supabase's default-privilege regimes: all is revoked
-- first, then granted by name.

-- Tables and the sequences of their identity columns. Older projects grant both to every API role as they are made.
do $$
declare
  v record;
begin
  for v in
    with tables as (
      select i.inhrelid as oid
      from pg_inherits as i
      join pg_class as parent on parent.oid = i.inhparent
      where parent.relnamespace = 'pipeline'::regnamespace and parent.relkind = 'p'
      union
      select format('public.%I', t.name)::regclass
      from unnest(array['pages', 'crawl_jobs', 'page_embeddings', 'gsc_page_query', 'keyword_clusters',
        'rewrite_recommendations', 'rewrite_drafts', 'embedding_cache',
        'model_limits', 'model_prices', 'model_usage', 'model_usage_history']) as t (name)
    )
    select c.oid::regclass as name, c.relkind
    from pg_class as c
    where c.relkind in ('r', 'S') and (
      c.oid in (select t.oid from tables as t)
      or c.oid in (select d.objid from pg_depend as d join tables as t on t.oid = d.refobjid where d.deptype = 'i'))
  loop
    execute format('revoke all on %s from public, anon, authenticated, service_role', v.name);
    if v.relkind = 'r' then
      execute format('grant select, insert, update, delete on %s to service_role', v.name);
    end if;
  end loop;
end;
$$;

do $$
declare
  v record;
begin
  for v in
    select p.oid::regprocedure as signature, n.nspname
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where (n.nspname = 'pipeline' or (n.nspname = 'public' and p.proname in (
      'claim_stage', 'commit_stage', 'extend_lease', 'defer_stage', 'fail_stage', 'insert_event',
      'reap_expired_leases', 'dispatch_plan', 'cancel_job', 'replay_dead_letter', 'replay_dead_letters', 'prune',
      'pipeline_metrics', 'check_invariants',
      'enqueue_stage', 'dequeue_stage', 'ack_message', 'extend_message_visibility', 'requeue_stage',
      'dead_letter_message', 'start_stage', 'complete_stage', 'record_stage_failure', 'create_content_job',
      'create_pageperfect_job', 'get_stage_input', 'get_vectors', 'stage_vectors', 'save_checkpoint', 'load_checkpoint', 'get_pageperfect_report',
      'commit_submit_crawl', 'commit_wait_crawl', 'commit_segment_embed', 'commit_keyword_clustering',
      'commit_gap_analysis', 'commit_rewrite_draft',
      'begin_model_call', 'end_model_call', 'model_metrics',
      'claim_crawl_jobs', 'complete_crawl', 'fail_crawl', 'pending_crawl_count', 'prune_crawls')))
  loop
    execute format('revoke execute on function %s from public, anon, authenticated', v.signature);
    if v.nspname = 'public' then
      execute format('grant execute on function %s to service_role', v.signature);
    end if;
  end loop;
  -- Read by the metrics view with the reader's rights.
  grant execute on function pipeline.now() to service_role;
  grant select on pipeline.stage_metrics to service_role;
  -- The knobs of a running system; the graph itself changes by migration only.
  revoke insert, update, delete on pipeline.stage_config from service_role;
  grant update (max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    visibility_seconds, enabled) on pipeline.stage_config to service_role;
end;
$$;

do $$
declare
  v_view text;
begin
  foreach v_view in array array['v_pageperfect_job_status', 'v_pageperfect_backlog', 'v_pageperfect_in_flight',
    'v_pageperfect_failures', 'v_pageperfect_throughput', 'v_pageperfect_costs'] loop
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_view);
    execute format('grant select on public.%I to service_role', v_view);
  end loop;
  grant select on public.v_pageperfect_job_status to authenticated;
end;
$$;

do $$
declare
  v_table text;
begin
  drop policy if exists "Users read their own jobs" on public.pageperfect_jobs;
  create policy "Users read their own jobs" on public.pageperfect_jobs
    for select to authenticated using (user_id = (select auth.uid()));
  grant select on public.pageperfect_jobs to authenticated;

  foreach v_table in array array['pageperfect_job_stages', 'pageperfect_job_events'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.pageperfect_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())))',
      v_table, v_table);
    execute format('grant select on public.%I to authenticated', v_table);
  end loop;

  drop policy if exists "Users read their own pages" on public.pages;
  create policy "Users read their own pages" on public.pages
    for select to authenticated using (owner_id = (select auth.uid()));
  grant select on public.pages to authenticated;

  foreach v_table in array array['crawl_jobs', 'gsc_page_query', 'page_embeddings', 'keyword_clusters',
    'rewrite_recommendations', 'rewrite_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own pages" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own pages" on public.%I for select to authenticated
         using (exists (select 1 from public.pages as p where p.id = %I.page_id and p.owner_id = (select auth.uid())))',
      v_table, v_table);
    if v_table <> 'crawl_jobs' then
      execute format('grant select on public.%I to authenticated', v_table);
    end if;
  end loop;
  -- What a crawl found out, not the megabytes of HTML that it brought.
  grant select (id, page_id, job_id, url, status, attempt_count, max_attempts, queued_at, html_length, http_status, final_url,
    content_type, provider, processing_time_ms, error, finished_at, created_at) on public.crawl_jobs to authenticated;
end;
$$;

-- supabase/migrations/20251016130000_schedules.sql
-- The schedules: what rings the dispatcher and the crawler when nobody else does, and what keeps the tables small.
--
-- pg_cron runs a schedule, pg_net sends its HTTP call after the commit, Vault holds the two secrets it needs:
--
--   project_url             https://<project ref>.supabase.co
--   pageperfect_secret_key  a secret key of the project (sb_secret_…), best one made for this and named so
--
-- A call is a doorbell: it may be lost or doubled, because the queue is the truth. Without the secrets a schedule
-- warns and does nothing; without an extension there are no schedules, and pipeline.check_schedules() says what is
-- missing. Whatever was missing, `select * from pipeline.install_schedules()` puts all in place once it is there.

-- The one order of times, in seconds: what begins a piece of work must outlast what it waits for. Leases
-- (stage_config.visibility_seconds) follow after http_timeout; a pgTAP test holds them all to it.
create or replace function pipeline.time_limits()
returns table (name text, seconds integer, meaning text)
language sql
immutable
set search_path = ''
as $$
  values
    ('function_budget', 120, 'an invocation of a worker has finished or given up by then'),
    ('http_timeout', 140, 'pg_net stops waiting for a function''s answer'),
    ('platform_limit', 150, 'Supabase ends a worker, and a request without an answer, on its smallest plan');
$$;

-- A secret from Vault; null when it, or Vault, is not there.
create or replace function pipeline.vault_secret(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('vault.decrypted_secrets') is null then
    return null;
  end if;
  return (select nullif(s.decrypted_secret, '') from vault.decrypted_secrets as s where s.name = p_name);
end;
$$;

-- Stores the two secrets, or replaces them: the way to rotate the key. Values never appear in an answer.
create or replace function pipeline.set_schedule_secrets(p_project_url text, p_secret_key text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  if p_project_url is null or p_project_url !~ '^https?://[^/?#[:space:]]+$' then
    raise exception 'the project URL must be like https://<project ref>.supabase.co, without a path'
      using errcode = '22023';
  end if;
  if coalesce(p_secret_key, '') = '' or p_secret_key ~ '^sb_publishable_' then
    raise exception 'the schedules need a secret key (sb_secret_…), not a publishable one' using errcode = '22023';
  end if;
  for v in
    select n.name, n.value, n.description, s.id
    from (values
      ('project_url', p_project_url, 'Where the schedules find the project''s functions'),
      ('pageperfect_secret_key', p_secret_key, 'The secret key the schedules call PagePerfect''s functions with')
    ) as n (name, value, description)
    left join vault.secrets as s on s.name = n.name
  loop
    if v.id is null then
      perform vault.create_secret(v.value, v.name, v.description);
    else
      perform vault.update_secret(v.id, v.value);
    end if;
  end loop;
end;
$$;

-- Rings a function of this project; returns pg_net's request id, or null with a warning when it cannot.
create or replace function pipeline.ring(p_function text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_url text := rtrim(pipeline.vault_secret('project_url'), '/');
  v_key text := pipeline.vault_secret('pageperfect_secret_key');
begin
  if v_url is null or v_key is null then
    raise warning 'pageperfect: % is not rung, Vault lacks %', p_function,
      concat_ws(' and ', case when v_url is null then 'project_url' end, case when v_key is null then 'pageperfect_secret_key' end)
      using hint = 'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')';
    return null;
  end if;
  return net.http_post(
    url := v_url || '/functions/v1/' || p_function,
    headers := jsonb_build_object('content-type', 'application/json', 'apikey', v_key),
    body := '{}'::jsonb,
    timeout_milliseconds := (select l.seconds * 1000 from pipeline.time_limits() as l where l.name = 'http_timeout')
  );
end;
$$;

-- Whether the dispatcher has anything to do: work within its limits, or a lease that ran out. Once a minute it is
-- rung regardless, for what its reaper finds and no count shows; an idle project thus costs few invocations.
create or replace function pipeline.dispatcher_is_wanted()
returns boolean
language sql
stable
set search_path = ''
as $$
  select extract(second from clock_timestamp()) < 10
    or exists (select from public.dispatch_plan())
    or exists (select from pipeline.job_stages as s where s.status = 'processing' and s.lease_expires_at <= pipeline.now());
$$;

-- The schedules as they should be. Times are UTC.
create or replace function pipeline.wanted_schedules()
returns table (name text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
    ('pageperfect-dispatcher', '10 seconds',
      'select pipeline.ring(''content-queue-dispatcher'') where pipeline.dispatcher_is_wanted()'),
    ('pageperfect-crawl', '30 seconds',
      'select pipeline.ring(''crawl-cron'') where public.pending_crawl_count() > 0'),
    -- New days come once a day; in between there is only an import to go on with that failed or was cut off.
    ('pageperfect-gsc-import', '*/5 * * * *',
      'select pipeline.ring(''pageperfect-gsc-import'') where public.pending_gsc_import_count() > 0'),
    -- One bounded step a minute for an hour: no long transaction, and nothing to do once all is gone.
    ('pageperfect-retention', '* 3 * * *', 'select public.prune(), public.prune_crawls(), public.prune_embedding_cache()'),
    ('pageperfect-cron-history', '10 4 * * *',
      'delete from cron.job_run_details where end_time < now() - interval ''3 days''');
$$;

-- What the schedules need and have, one row a thing; advice is null where all is well.
create or replace function pipeline.check_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_extension text;
  v_secret text;
  v_has_cron boolean := to_regclass('cron.job') is not null;
  v_schedule record;
begin
  foreach v_extension in array array['pg_cron', 'pg_net', 'supabase_vault'] loop
    item := 'extension ' || v_extension;
    is_ready := exists (select from pg_catalog.pg_extension as e where e.extname = v_extension);
    advice := case when not is_ready then
      format('enable %s (Dashboard: Database, Extensions), then: select * from pipeline.install_schedules()', v_extension) end;
    return next;
  end loop;
  foreach v_secret in array array['project_url', 'pageperfect_secret_key'] loop
    item := 'vault secret ' || v_secret;
    is_ready := pipeline.vault_secret(v_secret) is not null;
    advice := case when not is_ready then
      'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')' end;
    return next;
  end loop;
  for v_schedule in select * from pipeline.wanted_schedules() loop
    item := 'schedule ' || v_schedule.name;
    is_ready := false;
    if v_has_cron then
      select exists (
        select from cron.job as j
        where j.jobname = v_schedule.name and j.schedule = v_schedule.schedule and j.command = v_schedule.command and j.active
      ) into is_ready;
    end if;
    advice := case when not is_ready then 'select * from pipeline.install_schedules()' end;
    return next;
  end loop;
end;
$$;

-- Makes what is missing, as far as the database offers it, and answers what check_schedules then finds. Safe to
-- repeat: a schedule is known by its name.
create or replace function pipeline.install_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  for v in
    select w.name, w.command
    from (values
      ('pg_cron', 'create extension if not exists pg_cron'),
      ('pg_net', 'create extension if not exists pg_net with schema extensions'),
      ('supabase_vault', 'create extension if not exists supabase_vault')
    ) as w (name, command)
    join pg_catalog.pg_available_extensions as a on a.name = w.name
    where a.installed_version is null
  loop
    begin
      execute v.command;
    exception when others then
      raise warning 'pageperfect: extension % could not be enabled: %', v.name, sqlerrm;
    end;
  end loop;

  if to_regclass('cron.job') is not null and to_regclass('net.http_request_queue') is not null then
    for v in select * from pipeline.wanted_schedules() loop
      perform cron.schedule(v.name, v.schedule, v.command);
    end loop;
  end if;
  return query select * from pipeline.check_schedules();
end;
$$;

revoke execute on all functions in schema pipeline from public, anon, authenticated;

do $$
declare
  v record;
begin
  for v in select * from pipeline.install_schedules() as s where not s.is_ready loop
    raise warning 'pageperfect: % is missing: %', v.item, v.advice;
  end loop;
end;
$$;

-- supabase/migrations/20251016140000_search_console.sql
-- Search Console: rows of many pages at once, and the imports that fetch them day by day.
--
-- A property is one row. What of its import is done stands in that row, so that an import which dies goes on where it
-- stopped, under a lease as everywhere: (property, lease_count) is the token, and a stale one changes nothing. Rows
-- are upserted by (page, query, date); a chunk that is sent twice counts once.

-- Stores rows [{page, query, date, impressions, clicks, position}] and makes the pages they name, which are the project's
-- own. `page` is a normalised URL; `date` is a day, or null for a total over a period. Rows of one key within a call are added up;
-- a row that is stored already is replaced. Nothing is dropped, which makes this an upload in parts, not a snapshot.
-- Returns {row_count, page_count} of the call.
create or replace function public.upsert_gsc_rows(p_rows jsonb)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_page text;
  v_page_count integer;
  v_row_count integer;
begin
  if p_rows is null or jsonb_typeof(p_rows) <> 'array' then
    raise exception 'upsert_gsc_rows: p_rows must be an array of rows' using errcode = '22023';
  end if;
  select r.page into v_page
  from jsonb_to_recordset(p_rows) as r (page text)
  where r.page is null or r.page !~ '^https?://'
  limit 1;
  if found then
    raise exception 'upsert_gsc_rows: % is not the URL of a page', coalesce(v_page, 'null') using errcode = '22023';
  end if;

  -- Ordered, so that two imports of the same pages never wait for each other in a circle.
  insert into public.pages (url)
  select distinct r.page from jsonb_to_recordset(p_rows) as r (page text) order by 1
  on conflict (owner_id, url) do nothing;

  with given as materialized (
    select r.page, r.query, r.date,
      sum(r.impressions)::bigint as impressions,
      sum(r.clicks)::bigint as clicks,
      case
        when count(*) = 1 then min(r.position)
        when sum(r.impressions) > 0 then sum(r.position * r.impressions::double precision) / sum(r.impressions)::double precision
        else avg(r.position)
      end as position
    from jsonb_to_recordset(p_rows)
      as r (page text, query text, date date, impressions numeric, clicks numeric, position double precision)
    group by r.page, r.query, r.date
  ),
  stored as (
    insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
    select p.id, n.query, n.date, n.impressions, n.clicks, n.position
    from given as n
    join public.pages as p on p.url = n.page and p.owner_id is null
    order by p.id, n.query, n.date
    on conflict on constraint gsc_page_query_key do update
      set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position
      where (g.impressions, g.clicks, g.position) is distinct from (excluded.impressions, excluded.clicks, excluded.position)
  )
  select count(*), count(distinct n.page) into v_row_count, v_page_count from given as n;
  return jsonb_build_object('row_count', v_row_count, 'page_count', v_page_count);
end;
$$;

create table if not exists public.gsc_properties (
  property text primary key
    constraint gsc_properties_property_check check (property ~ '^(sc-domain:.+|https?://.+/)$'),
  enabled boolean not null default true,
  lookback_days integer not null default 90
    constraint gsc_properties_lookback_days_check check (lookback_days between 1 and 480),
  imported_until date,
  import_date date,
  import_end date,
  next_row integer not null default 0 check (next_row >= 0),
  lease_count bigint not null default 0,
  lease_expires_at timestamptz,
  attempt_count integer not null default 0,
  available_at timestamptz not null default pipeline.now(),
  row_count bigint not null default 0,
  last_error jsonb,
  last_imported_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint gsc_properties_import_has_an_end check ((import_date is null) = (import_end is null) and import_date <= import_end),
  constraint gsc_properties_lease_is_of_an_import check (lease_expires_at is null or import_date is not null)
);
comment on table public.gsc_properties is 'Search Console properties and how far each is imported';
comment on column public.gsc_properties.property is 'As Search Console names it: sc-domain:example.com, or https://www.example.com/';
comment on column public.gsc_properties.enabled is 'Whether new days are imported daily';
comment on column public.gsc_properties.lookback_days is 'Days before today at which the first daily import begins';
comment on column public.gsc_properties.imported_until is 'The daily import has all days up to this one';
comment on column public.gsc_properties.import_date is 'The day that is being imported; null: no import is under way';
comment on column public.gsc_properties.import_end is 'The last day of the import that is under way';
comment on column public.gsc_properties.next_row is 'Rows of import_date that are stored already';
comment on column public.gsc_properties.lease_count is 'Claims so far; the fencing token of the running one';
comment on column public.gsc_properties.attempt_count is 'Claims since the last progress';
comment on column public.gsc_properties.row_count is 'Rows that were fetched, over all imports';

create or replace trigger gsc_properties_set_updated_at
before update on public.gsc_properties
for each row execute function public.set_updated_at();

-- The newest day whose figures no longer change. Search Console counts days in Pacific time and settles within three.
create or replace function public.gsc_settled_day()
returns date
language sql
volatile
security invoker
set search_path = ''
as $$
  select (pipeline.now() at time zone 'America/Los_Angeles')::date - 3;
$$;

-- Whether an import of the property could be claimed now: one that waits or was cut off, or new days.
create or replace function public.gsc_import_is_due(p_row public.gsc_properties)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select p_row.available_at <= pipeline.now()
    and (p_row.lease_expires_at is null or p_row.lease_expires_at <= pipeline.now())
    and (p_row.import_date is not null
      or (p_row.enabled and coalesce(p_row.imported_until, '-infinity') < public.gsc_settled_day()));
$$;

create or replace function public.pending_gsc_import_count()
returns integer
language sql
volatile
security invoker
set search_path = ''
as $$
  select count(*)::integer from public.gsc_properties as g where public.gsc_import_is_due(g);
$$;

-- Asks for the days p_start_date..p_end_date of a property, both included. A property that is not in the table comes
-- into it disabled: imported once, not daily. Raises 55000 while an import of it is under way.
create or replace function public.start_gsc_import(p_property text, p_start_date date, p_end_date date)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if p_start_date is null or p_end_date is null or p_start_date > p_end_date then
    raise exception 'the import needs a start_date and an end_date that is not before it' using errcode = '22023';
  end if;
  if p_end_date - p_start_date >= 500 then
    raise exception 'Search Console keeps 16 months: ask for 500 days at most' using errcode = '22023';
  end if;
  insert into public.gsc_properties as g (property, enabled, import_date, import_end)
  values (p_property, false, p_start_date, p_end_date)
  on conflict (property) do update
    set import_date = excluded.import_date, import_end = excluded.import_end, next_row = 0, attempt_count = 0,
      available_at = pipeline.now(), last_error = null
    where g.import_date is null;
  if not found then
    raise exception 'an import of % is under way: wait for its end', p_property using errcode = '55000';
  end if;
  return jsonb_build_object('property', p_property, 'start_date', p_start_date, 'end_date', p_end_date);
end;
$$;

-- Claims an import that is due, the longest waiting first:
-- {property, lease_count, date, start_row, attempt_count, max_attempts}, or null when there is none.
create or replace function public.claim_gsc_import(p_lease_seconds integer)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  c_max_attempts constant integer := 8;
  v public.gsc_properties;
begin
  -- A worker that dies every time without a word must end somewhere too.
  update public.gsc_properties as g
  set import_date = null, import_end = null, next_row = 0, lease_expires_at = null, attempt_count = 0,
    available_at = pipeline.now() + interval '1 day',
    last_error = jsonb_build_object('message', 'the importer ended without a word, time after time', 'code', 'WORKER_LIMIT')
  where g.import_date is not null and g.attempt_count >= c_max_attempts and public.gsc_import_is_due(g);

  select g.* into v
  from public.gsc_properties as g
  where public.gsc_import_is_due(g)
  order by g.available_at
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  if v.import_date is null then
    -- Nothing before the first daily import is wanted, so all of it counts as imported.
    v.imported_until := coalesce(v.imported_until, public.gsc_settled_day() - v.lookback_days);
    v.import_date := v.imported_until + 1;
    v.import_end := public.gsc_settled_day();
    v.next_row := 0;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_count = g.lease_count + 1, attempt_count = g.attempt_count + 1,
    lease_expires_at = pipeline.now() + make_interval(secs => p_lease_seconds)
  where g.property = v.property
  returning g.* into v;
  return jsonb_build_object('property', v.property, 'lease_count', v.lease_count, 'date', v.import_date,
    'start_row', v.next_row, 'attempt_count', v.attempt_count, 'max_attempts', c_max_attempts);
end;
$$;

-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease.
-- {status: "continue", date, start_row} says what comes next; else status is "completed" or "lease_lost".
create or replace function public.checkpoint_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_row_count integer,
  p_is_day_done boolean,
  p_lease_seconds integer
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v public.gsc_properties;
begin
  select g.* into v from public.gsc_properties as g
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  end if;
  v.next_row := v.next_row + p_row_count;
  v.lease_expires_at := pipeline.now() + make_interval(secs => p_lease_seconds);
  v.attempt_count := 1;
  if p_is_day_done then
    -- Days that were asked for out of turn leave the daily import where it is.
    if v.import_date = v.imported_until + 1 then
      v.imported_until := v.import_date;
    end if;
    v.import_date := v.import_date + 1;
    v.next_row := 0;
    if v.import_date > v.import_end then
      v.import_date := null;
      v.import_end := null;
      v.lease_expires_at := null;
      v.attempt_count := 0;
    end if;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_expires_at = v.lease_expires_at, attempt_count = v.attempt_count, row_count = g.row_count + p_row_count,
    last_error = null, last_imported_at = pipeline.now()
  where g.property = p_property;
  return case when v.import_date is null then jsonb_build_object('status', 'completed')
    else jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row) end;
end;
$$;

-- Hands a claimed import back, for whoever comes next; no attempt is spent.
create or replace function public.release_gsc_import(p_property text, p_lease_count bigint)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.gsc_properties as g
  set lease_expires_at = null, attempt_count = greatest(g.attempt_count - 1, 0)
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status', case when found then 'released' else 'lease_lost' end);
end;
$$;

-- Records why a claimed import failed. p_action "retry": it goes on from its checkpoint after the delay;
-- "dead_letter": it ends, and the daily import begins again tomorrow where the last one stopped.
create or replace function public.fail_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_error jsonb,
  p_action text,
  p_delay_seconds numeric
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_ends boolean := p_action = 'dead_letter';
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_gsc_import: the action is retry or dead_letter' using errcode = '22023';
  end if;
  update public.gsc_properties as g
  set last_error = p_error,
    lease_expires_at = null,
    import_date = case when not v_ends then g.import_date end,
    import_end = case when not v_ends then g.import_end end,
    next_row = case when v_ends then 0 else g.next_row end,
    attempt_count = case when v_ends then 0 else g.attempt_count end,
    available_at = pipeline.now() + case when v_ends then interval '1 day'
      else make_interval(secs => coalesce(p_delay_seconds, 0)::double precision) end
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status',
    case when not found then 'lease_lost' when v_ends then 'failed' else 'retry_scheduled' end);
end;
$$;

alter table public.gsc_properties enable row level security;
revoke all on public.gsc_properties from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.gsc_properties to service_role;

do $$
declare
  v_function text;
begin
  foreach v_function in array array[
    'upsert_gsc_rows(jsonb)',
    'gsc_settled_day()',
    'gsc_import_is_due(public.gsc_properties)',
    'pending_gsc_import_count()',
    'start_gsc_import(text, date, date)',
    'claim_gsc_import(integer)',
    'checkpoint_gsc_import(text, bigint, integer, boolean, integer)',
    'release_gsc_import(text, bigint)',
    'fail_gsc_import(text, bigint, jsonb, text, numeric)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', v_function);
    execute format('grant execute on function public.%s to service_role', v_function);
  end loop;
end;
$$;
