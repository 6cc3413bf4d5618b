-- The edits of a site's plan that its job wants drafted: the first that say something is missing. The others need no new text.
create or replace function pipeline.site_drafts_wanted(p_job_id uuid)
returns setof public.site_edits
language sql
stable
set search_path = ''
as $$
  select e.* from public.site_edits as e
  where e.job_id = p_job_id and e.kind in ('write', 'extend', 'new_page') and e.queries <> '{}'
  order by e.rank
  limit coalesce((select (j.payload ->> 'drafts')::integer from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id), 0);
$$;

revoke execute on function pipeline.site_drafts_wanted(uuid) from public, anon, authenticated;
