-- Records what the caller decided about an edit; null undoes it. Members decide on every job, others on their own.
create or replace function access.decide_edit(
  p_job_id uuid, p_edit_id bigint, p_decision text, p_label text, p_reason text, p_body_markdown text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.own_job('pageperfect', p_job_id);
  v_decision access.edit_decisions;
begin
  if p_decision is null then
    delete from access.edit_decisions as d where d.job_id = p_job_id and d.edit_id = p_edit_id;
    return null;
  end if;
  insert into access.edit_decisions as d (job_id, edit_id, page_id, label, decision, reason, body_markdown, decided_by)
  values (p_job_id, p_edit_id, v_job.page_id, coalesce(p_label, ''), p_decision, nullif(p_reason, ''), p_body_markdown, auth.uid())
  on conflict (job_id, edit_id) do update
    set decision = excluded.decision, reason = excluded.reason, label = excluded.label,
      body_markdown = excluded.body_markdown, decided_by = excluded.decided_by, decided_at = now()
  returning * into v_decision;
  return to_jsonb(v_decision);
end;
$$;

revoke execute on function access.decide_edit(uuid, bigint, text, text, text, text) from public, anon, authenticated;
grant execute on function access.decide_edit(uuid, bigint, text, text, text, text) to authenticated, service_role;
