-- Where a site's job stands: {job_id, status, stage, counts, drafts, estimate, error, facts, minutes_left}. For its owner as well.
create or replace function public.site_progress(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  -- Pages that ended since are counted before the site's job wakes.
  v_counts jsonb := (
    select jsonb_build_object('total', count(*), 'waiting', count(*) filter (where s.status = 'waiting'),
      'open', count(*) filter (where s.status = 'open' and coalesce(j.status, 'queued') in ('queued', 'processing')),
      'done', count(*) filter (where s.status = 'done' or s.status = 'open' and j.status = 'completed'),
      'reused', count(*) filter (where s.status = 'reused'),
      'failed', count(*) filter (where s.status = 'failed' or s.status = 'open' and j.status in ('failed', 'cancelled')),
      'skipped', count(*) filter (where s.status = 'skipped'))
    from public.site_pages as s
    left join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id
    where s.job_id = p_job_id);
  v_drafts jsonb := pipeline.site_draft_counts(p_job_id);
begin
  return jsonb_build_object('job_id', v_job.id, 'status', v_job.status, 'stage', v_job.stage, 'error', v_job.error, 'counts', v_counts,
    'drafts', v_drafts,
    'facts', (select coalesce(jsonb_object_agg(p.stage, p.data), '{}'::jsonb) from pipeline.payloads as p where p.pipeline = 'site' and p.job_id = p_job_id),
    'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', s.stage, 'status', s.status, 'attempt_count', s.attempt_count,
        'max_attempts', s.max_attempts, 'next_retry_at', s.next_retry_at, 'started_at', s.started_at,
        'finished_at', s.finished_at, 'last_error', s.last_error)), '[]'::jsonb)
      from pipeline.job_stages as s where s.pipeline = 'site' and s.job_id = p_job_id),
    'minutes_left', round(((
        pipeline.page_seconds() * ((v_counts ->> 'waiting')::integer + (v_counts ->> 'open')::integer)
        + pipeline.draft_seconds() * case
          when v_job.status not in ('queued', 'processing') then 0
          when v_drafts is null then coalesce((v_job.payload ->> 'drafts')::integer, 0) -- there is no plan yet
          else (v_drafts ->> 'wanted')::integer - (v_drafts ->> 'written')::integer - (v_drafts ->> 'skipped')::integer - (v_drafts ->> 'failed')::integer end
      ) / 60)::numeric, 1));
end;
$$;

revoke execute on function public.site_progress(uuid) from public, anon, authenticated;
