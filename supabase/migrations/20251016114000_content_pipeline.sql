-- The content pipeline (PlanPerfect): the same engine, its own queue, tables and stages. Its workers are written step by
-- step on functions/_shared and deployed by their owners.

insert into pipeline.pipelines (pipeline, queue) values ('content', 'content') on conflict do nothing;
create table if not exists public.content_jobs partition of pipeline.jobs for values in ('content');
alter table public.content_jobs enable row level security;
create table if not exists public.content_job_stages partition of pipeline.job_stages for values in ('content');
alter table public.content_job_stages enable row level security;
create table if not exists public.content_dead_letters partition of pipeline.dead_letters for values in ('content');
alter table public.content_dead_letters enable row level security;
create table if not exists public.content_job_events partition of pipeline.job_events for values in ('content');
alter table public.content_job_events enable row level security;
create table if not exists public.content_payloads partition of pipeline.payloads for values in ('content');
alter table public.content_payloads enable row level security;

insert into pipeline.stage_config (pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size)
values
  ('content', 'research', 1, 'outline', 'content', 'content-research-worker', 3, 1),
  ('content', 'outline', 2, 'draft', 'content', 'content-outline-worker', 3, 1),
  ('content', 'draft', 3, 'qa', 'content', 'content-draft-worker', 2, 1),
  ('content', 'qa', 4, 'export', 'content', 'content-qa-worker', 2, 1),
  ('content', 'export', 5, 'complete', 'content', 'content-export-worker', 2, 1),
  ('content', 'complete', 6, null, 'content', 'content-complete-worker', 2, 1)
on conflict (pipeline, stage) do nothing;
