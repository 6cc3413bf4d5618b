-- Keeps the leased stage's state (base64) in place of an earlier one. Returns {status: saved | lease_lost | cancelled}.
create or replace function public.save_checkpoint(p_msg_id bigint, p_read_ct integer, p_digest text, p_state text, p_pipeline text default 'pageperfect')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  insert into pipeline.stage_checkpoints (pipeline, job_id, stage, digest, state)
  values (p_pipeline, v_lease.job_id, v_lease.stage, p_digest, decode(p_state, 'base64'))
  on conflict (job_id, stage) do update set digest = excluded.digest, state = excluded.state;
  return jsonb_build_object('status', 'saved');
end;
$$;

revoke execute on function public.save_checkpoint(bigint, integer, text, text, text) from public, anon, authenticated;
