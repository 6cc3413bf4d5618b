-- Everything that happened to a job: {job, stages, events, dead_letters, costs}; the newest 1,000 events.
create or replace function access.get_job_timeline(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job(p_pipeline, p_job_id);
begin
  return jsonb_build_object(
    'job', to_jsonb(v_job) - 'result' - 'payload' - 'pipeline' || jsonb_build_object('parameters', v_job.payload -> 'parameters',
      'title', (select p.title from public.pages as p where p.id = v_job.page_id)),
    'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'), 'worker', c.worker,
        'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', coalesce(s.max_attempts, c.max_attempts), 'queued_at', s.queued_at,
        'started_at', s.started_at, 'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at,
        'lease_expires_at', s.lease_expires_at, 'last_error', s.last_error) order by c.position), '[]'::jsonb)
      from pipeline.stage_config as c
      left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
      -- What a job had no need of does not wait for it once it is done.
      where c.pipeline = p_pipeline and (s.stage is not null or v_job.status <> 'completed')),
    'events', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'stage', e.stage, 'status', e.status, 'message', e.message,
        'metadata', e.metadata, 'created_at', e.created_at) order by e.id), '[]'::jsonb)
      from (select l.* from pipeline.job_events as l where l.pipeline = p_pipeline and l.job_id = p_job_id order by l.id desc limit 1000) as e),
    'dead_letters', (select coalesce(jsonb_agg(to_jsonb(d) - 'payload' - 'pipeline' order by d.id), '[]'::jsonb)
      from pipeline.dead_letters as d where d.pipeline = p_pipeline and d.job_id = p_job_id),
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' order by u.created_at), '[]'::jsonb)
      from public.model_usage as u where u.job_id = p_job_id));
end;
$$;

revoke execute on function access.get_job_timeline(text, uuid) from public, anon, authenticated;
grant execute on function access.get_job_timeline(text, uuid) to authenticated, service_role;
