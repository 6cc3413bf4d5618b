-- What the API serves to signed-in users: functions of `access` under their own names, which check the caller and have their
-- owner's rights; these have the caller's, since a function of the API with its owner's would be open to anybody.

create or replace function public.cancel_matching(p_filters jsonb, p_expected bigint) returns jsonb
language sql set search_path = '' as $$ select access.cancel_matching(p_filters, p_expected) $$;
revoke execute on function public.cancel_matching(jsonb, bigint) from public, anon, authenticated;

create or replace function public.cancel_own_job(p_pipeline text, p_job_id uuid) returns jsonb
language sql set search_path = '' as $$ select access.cancel_own_job(p_pipeline, p_job_id) $$;
revoke execute on function public.cancel_own_job(text, uuid) from public, anon, authenticated;

create or replace function public.count_open_jobs(p_filters jsonb) returns bigint
language sql stable set search_path = '' as $$ select access.count_open_jobs(p_filters) $$;
revoke execute on function public.count_open_jobs(jsonb) from public, anon, authenticated;

create or replace function public.decide_edit(p_job_id uuid, p_edit_id bigint, p_decision text, p_label text default null, p_reason text default null, p_body_markdown text default null) returns jsonb
language sql set search_path = '' as $$ select access.decide_edit(p_job_id, p_edit_id, p_decision, p_label, p_reason, p_body_markdown) $$;
revoke execute on function public.decide_edit(uuid, bigint, text, text, text, text) from public, anon, authenticated;

create or replace function public.get_analysis_input(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_analysis_input(p_job_id) $$;
revoke execute on function public.get_analysis_input(uuid) from public, anon, authenticated;

create or replace function public.get_costs(p_days integer default 30) returns jsonb
language sql stable set search_path = '' as $$ select access.get_costs(p_days) $$;
revoke execute on function public.get_costs(integer) from public, anon, authenticated;

create or replace function public.get_embeddings(p_job_id uuid, p_texts text[]) returns jsonb
language sql stable set search_path = '' as $$ select access.get_embeddings(p_job_id, p_texts) $$;
revoke execute on function public.get_embeddings(uuid, text[]) from public, anon, authenticated;

create or replace function public.get_estimate(p_request jsonb) returns jsonb
language sql stable set search_path = '' as $$ select access.get_estimate(p_request) $$;
revoke execute on function public.get_estimate(jsonb) from public, anon, authenticated;

create or replace function public.get_job_timeline(p_pipeline text, p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_job_timeline(p_pipeline, p_job_id) $$;
revoke execute on function public.get_job_timeline(text, uuid) from public, anon, authenticated;

create or replace function public.get_operations() returns jsonb
language sql stable set search_path = '' as $$ select access.get_operations() $$;
revoke execute on function public.get_operations() from public, anon, authenticated;

create or replace function public.get_passages(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_passages(p_job_id) $$;
revoke execute on function public.get_passages(uuid) from public, anon, authenticated;

create or replace function public.get_report(p_job_id uuid) returns json
language sql stable set search_path = '' as $$ select access.get_report(p_job_id) $$;
revoke execute on function public.get_report(uuid) from public, anon, authenticated;

create or replace function public.get_segments(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_segments(p_job_id) $$;
revoke execute on function public.get_segments(uuid) from public, anon, authenticated;

create or replace function public.get_site_outcomes(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_outcomes(p_job_id) $$;
revoke execute on function public.get_site_outcomes(uuid) from public, anon, authenticated;

create or replace function public.get_site_plan(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_plan(p_job_id) $$;
revoke execute on function public.get_site_plan(uuid) from public, anon, authenticated;

create or replace function public.get_site_progress(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_progress(p_job_id) $$;
revoke execute on function public.get_site_progress(uuid) from public, anon, authenticated;

create or replace function public.get_throughput(p_hours integer default 48) returns jsonb
language sql stable set search_path = '' as $$ select access.get_throughput(p_hours) $$;
revoke execute on function public.get_throughput(integer) from public, anon, authenticated;

create or replace function public.list_dead_letters(p_filters jsonb default '{}') returns jsonb
language sql stable set search_path = '' as $$ select access.list_dead_letters(p_filters) $$;
revoke execute on function public.list_dead_letters(jsonb) from public, anon, authenticated;

create or replace function public.list_jobs(p_filters jsonb default '{}', p_limit integer default 50, p_cursor text default null) returns jsonb
language sql stable set search_path = '' as $$ select access.list_jobs(p_filters, p_limit, p_cursor) $$;
revoke execute on function public.list_jobs(jsonb, integer, text) from public, anon, authenticated;

create or replace function public.list_members() returns jsonb
language sql stable set search_path = '' as $$ select access.list_members() $$;
revoke execute on function public.list_members() from public, anon, authenticated;

create or replace function public.list_pages(p_search text default null, p_limit integer default 100) returns jsonb
language sql stable set search_path = '' as $$ select access.list_pages(p_search, p_limit) $$;
revoke execute on function public.list_pages(text, integer) from public, anon, authenticated;

create or replace function public.replay_letter(p_pipeline text, p_dead_letter_id bigint) returns jsonb
language sql set search_path = '' as $$ select access.replay_letter(p_pipeline, p_dead_letter_id) $$;
revoke execute on function public.replay_letter(text, bigint) from public, anon, authenticated;

create or replace function public.replay_matching(p_filters jsonb, p_expected bigint) returns jsonb
language sql set search_path = '' as $$ select access.replay_matching(p_filters, p_expected) $$;
revoke execute on function public.replay_matching(jsonb, bigint) from public, anon, authenticated;

create or replace function public.retry_own_site_job(p_job_id uuid) returns jsonb
language sql set search_path = '' as $$ select access.retry_own_site_job(p_job_id) $$;
revoke execute on function public.retry_own_site_job(uuid) from public, anon, authenticated;

create or replace function public.set_member(p_email text, p_role text) returns jsonb
language sql set search_path = '' as $$ select access.set_member(p_email, p_role) $$;
revoke execute on function public.set_member(text, text) from public, anon, authenticated;

create or replace function public.set_stages_enabled(p_pipeline text, p_stages text[], p_enabled boolean) returns jsonb
language sql set search_path = '' as $$ select access.set_stages_enabled(p_pipeline, p_stages, p_enabled) $$;
revoke execute on function public.set_stages_enabled(text, text[], boolean) from public, anon, authenticated;

create or replace function public.whoami() returns jsonb
language sql stable set search_path = '' as $$ select access.whoami() $$;
revoke execute on function public.whoami() from public, anon, authenticated;
