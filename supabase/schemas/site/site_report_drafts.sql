-- The drafts of a site's job as its report shows them, by the rank of their edits.
create or replace function pipeline.site_report_drafts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(coalesce(d.draft, '{}'::jsonb)
    || jsonb_build_object('edit_id', d.edit_id, 'status', d.status, 'is_reused', d.is_reused)
    || case when d.verification is not null then jsonb_build_object('verification', d.verification) else '{}'::jsonb end
    || case when d.error is not null then jsonb_build_object('reason', jsonb_build_object(
      'code', coalesce(d.error ->> 'code', 'unexpected_error'), 'message', d.error ->> 'message')) else '{}'::jsonb end
    order by e.rank), '[]'::jsonb)
  from public.site_edits as e
  join public.site_drafts as d on d.job_id = e.job_id and d.edit_id = e.id and d.is_of_plan
  where e.job_id = p_job_id;
$$;

revoke execute on function pipeline.site_report_drafts(uuid) from public, anon, authenticated;
