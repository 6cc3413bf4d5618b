-- What site_drafts needs to begin or to go on: the edits of the plan that are wanted and were not come to yet, by rank, and whether a
-- reader checks them first (null: if there is one).
create or replace function public.input_site_drafts(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'verify', ((pipeline.job('site', p_job_id)).payload #>> '{parameters,verify}')::boolean,
    'edit_ids', (
      select coalesce(jsonb_agg(e.id order by e.rank), '[]'::jsonb) from pipeline.site_drafts_wanted(p_job_id) as e
      where not exists (select from public.site_drafts as d where d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan)));
$$;

revoke execute on function public.input_site_drafts(uuid) from public, anon, authenticated;
