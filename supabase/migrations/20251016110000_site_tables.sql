-- The site's own tables: what was crawled, what people searched for, and what PagePerfect found.
-- Everything here is an input or an output of the pipeline; its state lives in the engine's tables.

create extension if not exists vector with schema extensions;

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

-- Site tables are private to the service until a policy says otherwise (see supabase/schemas).
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
