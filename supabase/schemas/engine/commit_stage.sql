-- Commits a stage that has no output tables of its own: its facts go on in the payload. For pipelines whose workers
-- want one transaction instead of steps.
create or replace function public.commit_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_facts jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  return pipeline.finish_stage(v_lease, p_facts);
end;
$$;

revoke execute on function public.commit_stage(text, bigint, integer, jsonb) from public, anon, authenticated;
