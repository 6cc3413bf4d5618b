-- Drafts of a site's plan: a stage of its own after the plan, since the plan stands without them and may be read while they are written.
insert into pipeline.stage_config (
  pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds,
  max_retry_delay_seconds)
values ('site', 'site_drafts', 5, null, 'site', 'site-drafts-worker', 2, 1, 5, 10, 300)
on conflict (pipeline, stage) do nothing;
update pipeline.stage_config set next_stage = 'site_drafts' where pipeline = 'site' and stage = 'site_plan';

create table public.site_drafts (
  pipeline text not null default 'site' check (pipeline = 'site'),
  job_id uuid not null,
  edit_id text not null,
  page_id uuid not null references public.pages (id) on delete cascade,
  status text not null
    constraint site_drafts_status_check check (status in ('written', 'answered', 'skipped', 'failed')),
  digest text,
  draft jsonb,
  verification jsonb,
  error jsonb,
  is_reused boolean not null default false,
  is_of_plan boolean not null default true,
  created_at timestamptz not null default now(),
  primary key (job_id, edit_id),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.site_drafts is 'What became of the first edits of a site''s plan that a draft helps, one row an edit';
comment on column public.site_drafts.status is
  'written, answered (a reader found that the page answers it), skipped (the job''s ceiling was reached, or there is no model), failed';
comment on column public.site_drafts.digest is 'Of the first prompts, the model and the form: a later job of the same owner with the same one takes this draft';
comment on column public.site_drafts.draft is 'As a page''s draft stands in its result (pipeline.analysis_drafts), of written ones';
comment on column public.site_drafts.is_reused is 'Taken from an earlier job: nothing was paid for it';
comment on column public.site_drafts.is_of_plan is 'False: of a plan of this job that was made anew since; it is taken again if its edit comes again';
create index site_drafts_digest_idx on public.site_drafts (digest) where status in ('written', 'answered');
create index site_drafts_page_id_idx on public.site_drafts (page_id);
alter table public.site_drafts enable row level security;
revoke all on public.site_drafts from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.site_drafts to service_role;

-- What takes one argument more now, with a default: beside its older self every call of it would be ambiguous, and workers of the version
-- before go on calling until the functions are deployed.
drop function if exists
  pipeline.finish_stage(pipeline.lease, jsonb, jsonb),
  public.save_checkpoint(bigint, integer, text, text);
