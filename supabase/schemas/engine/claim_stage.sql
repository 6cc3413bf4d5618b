-- The next message of a stage, claimed; null when there is none or the stage is full.
create or replace function public.claim_stage(p_pipeline text, p_stage text, p_visibility_seconds integer default null)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select public.claim_stages(p_pipeline, p_stage, p_visibility_seconds, 1) -> 0;
$$;

revoke execute on function public.claim_stage(text, text, integer) from public, anon, authenticated;
