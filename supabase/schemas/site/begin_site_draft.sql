-- Whether the leased site_drafts is to make the draft of an edit: {status, outcome}. 'reused': an earlier draft of this owner with the same
-- p_digest was taken, at no cost; 'skipped': there is no model (p_has_model), or the job has spent what it may; 'begun' else. A draft
-- that was begun is finished.
create or replace function public.begin_site_draft(p_msg_id bigint, p_read_ct integer, p_edit_id text, p_digest text, p_has_model boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
  v_earlier public.site_drafts;
  v_error jsonb;
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status, 'outcome', null);
  end if;
  select d.* into v_earlier
  from public.site_drafts as d
  join pipeline.jobs as j on j.pipeline = 'site' and j.id = d.job_id
  where d.digest = p_digest and d.status in ('written', 'answered') and j.user_id is not distinct from v_lease.user_id
  order by d.job_id = v_lease.job_id desc, d.created_at desc
  limit 1;
  if found then
    perform pipeline.put_site_draft(v_lease, p_edit_id, v_earlier.status, p_digest, v_earlier.draft, v_earlier.verification, null,
      v_earlier.job_id <> v_lease.job_id or v_earlier.is_reused);
    return jsonb_build_object('status', 'held', 'outcome', 'reused');
  end if;
  v_error := case
    when not p_has_model then jsonb_build_object('code', 'no_model', 'message', 'there is no language model to write it')
    when pipeline.site_ceiling_is_reached(pipeline.job('site', v_lease.job_id)) and not exists (
      select from pipeline.stage_checkpoints as c where c.job_id = v_lease.job_id and c.stage = 'site_drafts' and c.digest = p_digest)
      then jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling was reached') end;
  if v_error is not null then
    perform pipeline.put_site_draft(v_lease, p_edit_id, 'skipped', p_digest, null, null, v_error, false);
    return jsonb_build_object('status', 'held', 'outcome', 'skipped');
  end if;
  return jsonb_build_object('status', 'held', 'outcome', 'begun');
end;
$$;

revoke execute on function public.begin_site_draft(bigint, integer, text, text, boolean) from public, anon, authenticated;
