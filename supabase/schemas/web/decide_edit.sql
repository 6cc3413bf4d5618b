-- What the API serves of access.decide_edit, which checks the caller.
create or replace function public.decide_edit(p_job_id uuid, p_edit_id bigint, p_decision text, p_label text default null, p_reason text default null, p_body_markdown text default null)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.decide_edit(p_job_id, p_edit_id, p_decision, p_label, p_reason, p_body_markdown) $$;

revoke execute on function public.decide_edit(uuid, bigint, text, text, text, text) from public, anon, authenticated;
grant execute on function public.decide_edit(uuid, bigint, text, text, text, text) to authenticated, service_role;
