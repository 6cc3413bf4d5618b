-- Tries the failed pages of an ended site's job once more, and only those, and makes the plan anew; where no page has failed and the plan
-- stands, the drafts that it lacks. Returns {status, retried_count, draft_count}: of pages, and of drafts where these alone are tried.
create or replace function public.retry_site_job(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  v_count integer;
begin
  if v_job.status in ('queued', 'processing') then
    return jsonb_build_object('status', v_job.status, 'retried_count', 0, 'draft_count', 0);
  end if;
  select count(*) into v_count from pipeline.site_drafts_wanted(p_job_id) as e
  where not exists (
    select from public.site_drafts as d
    where d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan and d.status in ('written', 'answered'));
  if v_count > 0
    and exists (
      select from pipeline.job_stages as s
      where s.pipeline = 'site' and s.job_id = p_job_id and s.stage = 'site_plan' and s.status = 'completed')
    and not exists (select from public.site_pages as s where s.job_id = p_job_id and s.status in ('failed', 'open')) then
    delete from public.site_drafts as d where d.job_id = p_job_id and d.status in ('skipped', 'failed');
    perform pipeline.reopen_job('site', p_job_id);
    perform pipeline.log_event('site', p_job_id, null, 'retried', format('%s drafts once more', v_count));
    perform pipeline.queue_stage('site', p_job_id, 'site_drafts', coalesce(pipeline.latest_payload('site', p_job_id), '{}'::jsonb), v_job.priority);
    return jsonb_build_object('status', 'queued', 'retried_count', 0, 'draft_count', v_count);
  end if;
  -- What was found on pages that are there already stands; their links depend on the plan.
  update public.site_pages as s set links = null where s.job_id = p_job_id and s.links is not null;
  update public.site_pages as s set status = 'waiting', page_job_id = null, error = null
  where s.job_id = p_job_id and (s.status = 'failed' or s.status = 'open' and v_job.status = 'cancelled');
  get diagnostics v_count = row_count;
  -- What was worked out of the pages together, and kept for a next invocation that never came, is of other pages than there will be. What
  -- was paid for is not.
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = p_job_id and c.stage not in ('site_topics mean', 'site_drafts');
  perform pipeline.reopen_job('site', p_job_id);
  update pipeline.jobs set payload = payload || jsonb_build_object('round', coalesce((payload ->> 'round')::integer, 0) + 1)
  where pipeline = 'site' and id = p_job_id;
  perform pipeline.log_event('site', p_job_id, null, 'retried', format('%s pages once more', v_count));
  perform pipeline.queue_stage('site', p_job_id,
    case when exists (select from public.site_pages as s where s.job_id = p_job_id) then 'analyse_pages' else 'select_pages' end,
    coalesce(pipeline.latest_payload('site', p_job_id), '{}'::jsonb), v_job.priority);
  return jsonb_build_object('status', 'queued', 'retried_count', v_count, 'draft_count', 0);
end;
$$;

revoke execute on function public.retry_site_job(uuid) from public, anon, authenticated;
