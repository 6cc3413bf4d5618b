-- What site_topics and site_plan need to begin: how many pages, from after which position on they lack sketches, and over which period
-- their queries are counted.
create or replace function public.input_site_topics(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('period_days', p.data -> 'period_days', 'period_end', p.data -> 'period_end',
    'page_count', (select count(*) from public.site_pages as s where s.job_id = p_job_id and s.status in ('done', 'reused')),
    'unsketched_after', (
      select min(s.position) - 1 from public.site_pages as s
      where s.job_id = p_job_id and s.status in ('done', 'reused') and s.sketches is null))
  from pipeline.payloads as p where p.pipeline = 'site' and p.job_id = p_job_id and p.stage = 'select_pages';
$$;

revoke execute on function public.input_site_topics(uuid) from public, anon, authenticated;
