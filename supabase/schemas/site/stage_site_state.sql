-- Keeps where a leased stage of a site's job stands, under a name, as text. Returns {status}.
create or replace function public.stage_site_state(p_stage text, p_msg_id bigint, p_read_ct integer, p_name text, p_state text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', p_stage, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into pipeline.stage_checkpoints (pipeline, job_id, stage, digest, state)
    values ('site', v_lease.job_id, p_stage || ' ' || p_name, '', convert_to(p_state, 'UTF8'))
    on conflict (job_id, stage) do update set state = excluded.state;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_state(text, bigint, integer, text, text) from public, anon, authenticated;
