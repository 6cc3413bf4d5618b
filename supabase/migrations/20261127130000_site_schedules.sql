-- Sites that are analysed again every so many days: what changed, what fell and whether edits have paid is seen without anybody asking.
create table public.site_schedules (
  id uuid primary key default gen_random_uuid(),
  user_id uuid,
  request jsonb not null,
  every_days integer not null
    constraint site_schedules_every_days_check check (every_days between 1 and 366),
  next_at timestamptz not null,
  job_id uuid,
  error text,
  created_at timestamptz not null default now()
);
comment on table public.site_schedules is 'Site jobs that are made again every so many days (pipeline.start_due_sites)';
comment on column public.site_schedules.user_id is 'Whose jobs they are; null: the project''s own';
comment on column public.site_schedules.request is 'Of create_site_job';
comment on column public.site_schedules.job_id is 'The last job that was made';
comment on column public.site_schedules.error is 'Why the last one was not made; it is tried again an hour later';
create unique index site_schedules_request_idx on public.site_schedules (coalesce(user_id::text, ''), md5(request::text));
create index site_schedules_next_at_idx on public.site_schedules (next_at);
alter table public.site_schedules enable row level security;
revoke all on public.site_schedules from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.site_schedules to service_role;
