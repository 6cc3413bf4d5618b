-- Keeps what became of an edit's draft, in place of what an earlier plan of the job had there. p_error: as the job's owner may see it.
create or replace function pipeline.put_site_draft(
  p_lease pipeline.lease, p_edit_id text, p_status text, p_digest text, p_draft jsonb, p_verification jsonb, p_error jsonb,
  p_is_reused boolean
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_edit public.site_edits;
begin
  select * into v_edit from public.site_edits as e where e.job_id = p_lease.job_id and e.id = p_edit_id;
  if not found then
    return; -- its page was deleted meanwhile
  end if;
  insert into public.site_drafts as d (job_id, edit_id, page_id, status, digest, draft, verification, error, is_reused)
  values (p_lease.job_id, p_edit_id, v_edit.page_id, p_status, p_digest, p_draft, p_verification, p_error, p_is_reused)
  on conflict (job_id, edit_id) do update
  set page_id = excluded.page_id, status = excluded.status, digest = excluded.digest, draft = excluded.draft,
      verification = excluded.verification, error = excluded.error, is_reused = excluded.is_reused, is_of_plan = true;
  delete from pipeline.stage_checkpoints as c where c.job_id = p_lease.job_id and c.stage = 'site_drafts' and c.digest = p_digest;
  perform pipeline.log_event('site', p_lease.job_id, 'site_drafts', 'draft_' || p_status,
    format('draft of edit %s %s%s', v_edit.rank, p_status, coalesce(': ' || (p_error ->> 'message'), '')),
    jsonb_build_object('edit_id', p_edit_id, 'is_reused', p_is_reused));
end;
$$;

revoke execute on function pipeline.put_site_draft(pipeline.lease, text, text, text, jsonb, jsonb, jsonb, boolean) from public, anon, authenticated;
