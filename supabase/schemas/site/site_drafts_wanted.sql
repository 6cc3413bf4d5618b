-- The edits of a site's plan that its job wants drafted: the first that say something is missing; the others need no new text. One that a
-- reader found answered makes room for the next, so that as many are written as were asked for, of at most twice as many that are read.
create or replace function pipeline.site_drafts_wanted(p_job_id uuid)
returns setof public.site_edits
language sql
stable
set search_path = ''
as $$
  with asked as (
    select coalesce((j.payload ->> 'drafts')::integer, 0) as count from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id),
  ranked as (
    select e.id, row_number() over ranks as place, count(*) filter (where d.status is distinct from 'answered') over ranks as unanswered
    from public.site_edits as e
    left join public.site_drafts as d on d.job_id = e.job_id and d.edit_id = e.id and d.is_of_plan
    where e.job_id = p_job_id and e.kind in ('write', 'extend', 'new_page') and e.queries <> '{}'
    window ranks as (order by e.rank))
  select e.* from ranked as r
  join public.site_edits as e on e.job_id = p_job_id and e.id = r.id
  cross join asked as a
  where r.unanswered <= a.count and r.place <= 2 * a.count
  order by e.rank;
$$;

revoke execute on function pipeline.site_drafts_wanted(uuid) from public, anon, authenticated;
