-- A page in which answers are still to be looked for: {page_id, queries: [{page_id, query}]}; null when there is none.
create or replace function public.next_site_candidate(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('page_id', a.other_page_id,
    'queries', jsonb_agg(jsonb_build_object('page_id', a.page_id, 'query', a.query) order by a.page_id, a.query))
  from public.site_answers as a
  where a.job_id = p_job_id and a.coverage is null and a.other_page_id = (
    select m.other_page_id from public.site_answers as m
    where m.job_id = p_job_id and m.coverage is null order by m.other_page_id limit 1)
  group by a.other_page_id;
$$;

revoke execute on function public.next_site_candidate(uuid) from public, anon, authenticated;
