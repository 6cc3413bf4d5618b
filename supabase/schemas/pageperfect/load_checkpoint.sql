-- The state that a stage saved for this input, base64; null when there is none.
create or replace function public.load_checkpoint(p_job_id uuid, p_stage text, p_digest text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select replace(encode(c.state, 'base64'), E'\n', '') from pipeline.stage_checkpoints as c
  where c.job_id = p_job_id and c.stage = p_stage and c.digest = p_digest;
$$;

revoke execute on function public.load_checkpoint(uuid, text, text) from public, anon, authenticated;
