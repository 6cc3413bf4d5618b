-- Ends a site's job and its page jobs that are open. What was analysed stays and is used by the next job.
create or replace function public.cancel_site_job(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := public.cancel_job('site', p_job_id);
begin
  perform public.cancel_job('pageperfect', j.id)
  from pipeline.jobs as j
  where j.pipeline = 'pageperfect' and j.parent_pipeline = 'site' and j.parent_id = p_job_id and j.status in ('queued', 'processing');
  return v_answer;
end;
$$;

revoke execute on function public.cancel_site_job(uuid) from public, anon, authenticated;
