-- What site_plan needs to begin its work: the answers that stand on other pages, and the topics that mean the same, as text for Rust.
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
    'similar', coalesce(public.site_state(p_job_id, 'site_topics', 'similar'), '[]'),
    'answers', (
      select coalesce(jsonb_agg(jsonb_build_object('page_id', a.page_id, 'query', a.query, 'other_page_id', a.other_page_id,
        'coverage', a.coverage, 'segment_id', a.segment_id) order by a.page_id, a.query, a.other_page_id), '[]'::jsonb)::text
      -- What comes nowhere near an answer changes nothing.
      from public.site_answers as a where a.job_id = p_job_id and a.coverage >= 0.3));
$$;

revoke execute on function public.input_site_plan(uuid) from public, anon, authenticated;
