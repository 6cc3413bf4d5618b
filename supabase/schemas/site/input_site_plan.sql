-- What site_plan needs to begin its work, with the topics that mean the same as text for Rust.
create or replace function public.input_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select public.input_site_topics(p_job_id) || jsonb_build_object(
    'top', (pipeline.job('site', p_job_id)).payload -> 'top',
    'has_report', public.site_state(p_job_id, 'site_plan', 'report') is not null,
    'similar', coalesce(public.site_state(p_job_id, 'site_topics', 'similar'), '[]'));
$$;

revoke execute on function public.input_site_plan(uuid) from public, anon, authenticated;
