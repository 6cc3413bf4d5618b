-- Answers found on other pages, to what the pages of a site's job after position p_after are shown for, p_limit of these pages: {last, answers}.
-- last: position of the last of them, null when there are none; answers: text of an array of {page_id, query, other_page_id, coverage, segment_id}.
create or replace function public.site_found_answers(p_job_id uuid, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('last', max(s.position), 'answers', coalesce(
    jsonb_agg(jsonb_build_object('page_id', a.page_id, 'query', a.query, 'other_page_id', a.other_page_id,
      'coverage', a.coverage, 'segment_id', a.segment_id) order by s.position, a.query, a.other_page_id)
    filter (where a.page_id is not null), '[]'::jsonb)::text)
  from (
    select s.page_id, s.position from public.site_pages as s
    where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
    order by s.position limit p_limit) as s
  -- What comes nowhere near an answer changes nothing.
  left join public.site_answers as a on a.job_id = p_job_id and a.page_id = s.page_id and a.coverage >= 0.3;
$$;

revoke execute on function public.site_found_answers(uuid, integer, integer) from public, anon, authenticated;
