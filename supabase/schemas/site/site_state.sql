-- What stage_site_state kept under a name; null: nothing.
create or replace function public.site_state(p_job_id uuid, p_stage text, p_name text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select convert_from(c.state, 'UTF8') from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = p_job_id and c.stage = p_stage || ' ' || p_name;
$$;

revoke execute on function public.site_state(uuid, text, text) from public, anon, authenticated;
