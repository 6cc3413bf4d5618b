-- Who works on a project: members read all of it, operators also start, cancel, replay and pause. And what a team decided about the edits.

create schema if not exists access;
comment on schema access is 'Who may see and do what; not exposed by the API';
revoke all on schema access from public, anon, authenticated;
grant usage on schema access to authenticated, service_role;

create table if not exists access.members (
  user_id uuid primary key references auth.users (id) on delete cascade,
  role text not null default 'reader' constraint members_role_check check (role in ('reader', 'operator')),
  created_at timestamptz not null default now()
);
comment on table access.members is
  'People who see the whole project. reader: reads; operator: also starts, cancels, replays, pauses. Everybody else sees their own jobs and pages';
alter table access.members enable row level security;
revoke all on access.members from public, anon, authenticated, service_role;

create table if not exists access.edit_decisions (
  job_id uuid not null,
  edit_id bigint not null,
  page_id uuid references public.pages (id) on delete cascade,
  label text not null,
  decision text not null constraint edit_decisions_decision_check check (decision in ('accepted', 'rejected', 'draft')),
  reason text constraint edit_decisions_reason_length check (length(reason) <= 2000),
  body_markdown text constraint edit_decisions_body_length check (length(body_markdown) <= 50000),
  decided_by uuid,
  decided_at timestamptz not null default now(),
  primary key (job_id, edit_id)
);
comment on table access.edit_decisions is
  'What a team decided about an edit, and the text as it left their hands. draft: edited, not decided';
create index if not exists edit_decisions_page_id_idx on access.edit_decisions (page_id);
alter table access.edit_decisions enable row level security;
revoke all on access.edit_decisions from public, anon, authenticated, service_role;
