-- Each page with its newest finished analysis, the newest first: {job_id, url, title, created_at, summary, open_job_id}.
create or replace function access.list_pages(p_search text, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(f) order by f.completed_at desc), '[]'::jsonb)
  from (
    select p.id as page_id, p.url, p.title, j.id as job_id, j.completed_at, j.result -> 'summary' as summary,
      jsonb_array_length(coalesce(j.result -> 'edits', j.result -> 'recommendations', '[]'::jsonb)) as edit_count,
      (select count(*) from access.edit_decisions as d where d.job_id = j.id and d.decision <> 'draft') as decided_count,
      (select o.id from pipeline.jobs as o where o.pipeline = 'pageperfect' and o.page_id = p.id
         and o.status in ('queued', 'processing') order by o.created_at desc limit 1) as open_job_id
    from public.pages as p
    join lateral (
      select n.id, n.completed_at, n.result from pipeline.jobs as n
      where n.pipeline = 'pageperfect' and n.page_id = p.id and n.status = 'completed'
        and ((select access.is_member()) or n.user_id = (select auth.uid()))
      order by n.completed_at desc limit 1
    ) as j on true
    where coalesce(p_search, '') = '' or strpos(lower(p.url || ' ' || coalesce(p.title, '')), lower(p_search)) > 0
    order by j.completed_at desc
    limit least(greatest(coalesce(p_limit, 100), 1), 1000)
  ) as f;
$$;

revoke execute on function access.list_pages(text, integer) from public, anon, authenticated;
grant execute on function access.list_pages(text, integer) to authenticated, service_role;
