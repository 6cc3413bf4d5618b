-- Commits a stage and claims its next message, in one call: {…the commit's answer, claim}. What the stage commits is
-- commit_<stage>'s, or commit_stage's where the pipeline has none.
create or replace function public.commit_and_claim(
  p_pipeline text, p_stage text, p_msg_id bigint, p_read_ct integer, p_output jsonb, p_visibility_seconds integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_answer jsonb;
begin
  if to_regproc('public.commit_' || p_stage) is not null and p_stage ~ '^[a-z_]+$' then
    execute format('select public.%I($1, $2, $3)', 'commit_' || p_stage) into v_answer using p_msg_id, p_read_ct, p_output;
  else
    v_answer := public.commit_stage(p_pipeline, p_msg_id, p_read_ct, p_output);
  end if;
  return v_answer || jsonb_build_object('claim', public.claim_stages(p_pipeline, p_stage, p_visibility_seconds, 1) -> 0);
end;
$$;

revoke execute on function public.commit_and_claim(text, text, bigint, integer, jsonb, integer) from public, anon, authenticated;
