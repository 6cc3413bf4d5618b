-- The site pipeline: an analysis of many pages and the plan made from them. Its page jobs are children of its own job.

insert into pipeline.pipelines (pipeline, queue) values ('site', 'site') on conflict do nothing;
create table public.site_jobs partition of pipeline.jobs for values in ('site');
alter table public.site_jobs enable row level security;
create table public.site_job_stages partition of pipeline.job_stages for values in ('site');
alter table public.site_job_stages enable row level security;
create table public.site_dead_letters partition of pipeline.dead_letters for values in ('site');
alter table public.site_dead_letters enable row level security;
create table public.site_job_events partition of pipeline.job_events for values in ('site');
alter table public.site_job_events enable row level security;
create table public.site_payloads partition of pipeline.payloads for values in ('site');
alter table public.site_payloads enable row level security;

insert into pipeline.stage_config (
  pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds,
  max_retry_delay_seconds)
values
  ('site', 'select_pages', 1, 'analyse_pages', 'site', 'site-select-pages-worker', 2, 1, 5, 10, 300),
  ('site', 'analyse_pages', 2, 'site_topics', 'site', 'site-analyse-pages-worker', 2, 1, 5, 5, 60),
  ('site', 'site_topics', 3, 'site_plan', 'site', 'site-topics-worker', 1, 1, 5, 10, 300),
  ('site', 'site_plan', 4, null, 'site', 'site-plan-worker', 1, 1, 5, 10, 300)
on conflict (pipeline, stage) do nothing;

create table public.site_pages (
  pipeline text not null default 'site' check (pipeline = 'site'),
  job_id uuid not null,
  page_id uuid not null references public.pages (id) on delete cascade,
  position integer not null,
  url text not null,
  last_modified text,
  impressions bigint not null default 0,
  digest text not null,
  status text not null default 'waiting'
    constraint site_pages_status_check check (status in ('waiting', 'open', 'done', 'reused', 'failed', 'skipped')),
  page_job_id uuid,
  error jsonb,
  created_at timestamptz not null default now(),
  primary key (job_id, page_id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.site_pages is 'The pages of a site''s job, and the page job that analysed each';
comment on column public.site_pages.last_modified is 'As the sitemap or the caller says it; a page with another one is analysed anew';
comment on column public.site_pages.digest is 'Of the page''s queries and the job''s parameters: what is analysed beside the page itself';
comment on column public.site_pages.status is
  'waiting, open (its page job goes on), done, reused (an earlier page job''s result stands), failed, skipped (the job''s ceiling was reached)';
create index site_pages_page_id_idx on public.site_pages (page_id, digest);
create index site_pages_page_job_id_idx on public.site_pages (page_job_id);

create table public.site_answers (
  pipeline text not null default 'site' check (pipeline = 'site'),
  job_id uuid not null,
  page_id uuid not null references public.pages (id) on delete cascade,
  query text not null,
  other_page_id uuid not null references public.pages (id) on delete cascade,
  coverage double precision not null,
  segment_id bigint,
  primary key (job_id, page_id, query, other_page_id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.site_answers is 'How well other pages of the site answer what a page is shown for and does not answer';
create index site_answers_page_id_idx on public.site_answers (page_id);
create index site_answers_other_page_id_idx on public.site_answers (other_page_id);

create table public.site_edits (
  pipeline text not null default 'site' check (pipeline = 'site'),
  job_id uuid not null,
  id text not null,
  rank integer not null,
  kind text not null
    constraint site_edits_kind_check check (kind in ('write', 'extend', 'improve', 'merge', 'link', 'move', 'new_page')),
  page_id uuid not null references public.pages (id) on delete cascade,
  target_page_id uuid references public.pages (id) on delete set null,
  label text not null,
  queries text[] not null,
  coverage double precision not null,
  expected_clicks double precision not null,
  edit jsonb not null,
  made_at timestamptz,
  created_at timestamptz not null default now(),
  primary key (job_id, id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.site_edits is 'The plan of a site''s job, one row an edit; an edit keeps its id from plan to plan';
comment on column public.site_edits.edit is 'The whole edit as it stands in the job''s result';
comment on column public.site_edits.made_at is 'When a later job found the page changed and the edit''s queries answered';
create index site_edits_page_id_idx on public.site_edits (page_id);
create index site_edits_target_page_id_idx on public.site_edits (target_page_id);

do $$
declare
  v_table text;
begin
  foreach v_table in array array['site_pages', 'site_answers', 'site_edits'] loop
    execute format('alter table public.%I enable row level security', v_table);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_table);
    execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
  end loop;
end;
$$;
