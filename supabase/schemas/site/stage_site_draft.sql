-- Keeps what the leased site_drafts made of an edit: p_draft is {edit_id, status: written | answered | failed, digest, draft, verification,
-- error}. Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_draft(p_msg_id bigint, p_read_ct integer, p_draft jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    perform pipeline.put_site_draft(v_lease, p_draft ->> 'edit_id', p_draft ->> 'status', p_draft ->> 'digest',
      nullif(p_draft -> 'draft', 'null'), nullif(p_draft -> 'verification', 'null'),
      pipeline.visible_error(nullif(p_draft -> 'error', 'null'), v_lease.user_id), false);
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_draft(bigint, integer, jsonb) from public, anon, authenticated;
