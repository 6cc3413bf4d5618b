-- The report of a site's job, with the drafts that are there so far; null before there is one.
create or replace function public.get_site_report(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
begin
  return jsonb_set(v_job.result, '{job}', (v_job.result -> 'job')
    || jsonb_build_object('status', v_job.status, 'completed_at', v_job.completed_at))
    || jsonb_build_object('drafts', pipeline.site_report_drafts(p_job_id));
end;
$$;

revoke execute on function public.get_site_report(uuid) from public, anon, authenticated;
