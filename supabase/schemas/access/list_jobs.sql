-- A page of those jobs, newest first: {jobs, total_count, next}. `next` is the cursor of the page after it, null at the end; the
-- count stops at 10,000.
create or replace function access.list_jobs(p_filters jsonb, p_limit integer, p_cursor text)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with asked as (
    select least(greatest(coalesce(p_limit, 50), 1), 200) as size,
      split_part(p_cursor, ' ', 1)::timestamptz as before_at, split_part(p_cursor, ' ', 2)::uuid as before_id
  ),
  found as (
    select j.* from asked as a, access.matching_jobs(p_filters) as j
    where p_cursor is null or (j.created_at, j.id) < (a.before_at, a.before_id)
    order by j.created_at desc, j.id desc
    limit (select a.size + 1 from asked as a)
  ),
  shown as (
    select f.*, row_number() over (order by f.created_at desc, f.id desc) as n from found as f
  )
  select jsonb_build_object(
    'jobs', coalesce((select jsonb_agg(jsonb_build_object(
        'job_id', s.id, 'url', s.url, 'title', p.title, 'page_id', s.page_id, 'status', s.status, 'stage', s.stage, 'priority', s.priority,
        'attempt_count', g.attempt_count, 'max_attempts', g.max_attempts, 'next_retry_at', g.next_retry_at,
        'error', coalesce(s.error, g.last_error), 'created_at', s.created_at, 'completed_at', s.completed_at,
        'completed_stage_count', (select count(*) from pipeline.job_stages as c
          where c.pipeline = s.pipeline and c.job_id = s.id and c.status = 'completed'),
        'summary', s.result -> 'summary') order by s.n)
      from shown as s
      left join public.pages as p on p.id = s.page_id
      left join pipeline.job_stages as g on g.pipeline = s.pipeline and g.job_id = s.id and g.stage = s.stage
      where s.n <= (select a.size from asked as a)), '[]'::jsonb),
    'next', (select to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') || ' ' || s.id
      from shown as s, asked as a where s.n = a.size and exists (select from shown as l where l.n > a.size)),
    'total_count', (select count(*) from (select from access.matching_jobs(p_filters) limit 10000) as c));
$$;

revoke execute on function access.list_jobs(jsonb, integer, text) from public, anon, authenticated;
grant execute on function access.list_jobs(jsonb, integer, text) to authenticated, service_role;
