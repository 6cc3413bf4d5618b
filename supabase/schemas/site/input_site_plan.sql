-- What site_plan needs to begin its work.
create or replace function public.input_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select public.input_site_topics(p_job_id) || jsonb_build_object(
    'top', (pipeline.job('site', p_job_id)).payload -> 'top',
    'has_report', exists (
      select from pipeline.stage_checkpoints as c
      where c.pipeline = 'site' and c.job_id = p_job_id and c.stage = 'site_plan report'));
$$;

revoke execute on function public.input_site_plan(uuid) from public, anon, authenticated;
