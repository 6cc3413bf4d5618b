-- The report of a job at any moment of its life.
create or replace function public.get_pageperfect_report(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return coalesce(v_job.result, pipeline.pageperfect_analysis(p_job_id, v_job.page_id,
      v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}'::jsonb)))
    || jsonb_build_object(
      'job', jsonb_build_object('id', v_job.id, 'url', v_job.url, 'status', v_job.status, 'stage', v_job.stage,
        'priority', v_job.priority, 'error', v_job.error, 'created_at', v_job.created_at, 'completed_at', v_job.completed_at,
        'parameters', v_job.payload -> 'parameters'),
      'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'),
          'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', s.max_attempts, 'started_at', s.started_at,
          'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at, 'last_error', s.last_error,
          'duration_ms', round(extract(epoch from s.finished_at - s.started_at) * 1000)) order by c.position), '[]'::jsonb)
        from pipeline.stage_config as c
        left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
        where c.pipeline = 'pageperfect'),
      'dead_letters', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'stage', d.stage, 'reason', d.failure_reason,
          'error_details', d.error_details, 'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id), '[]'::jsonb)
        from pipeline.dead_letters as d where d.pipeline = 'pageperfect' and d.job_id = p_job_id));
end;
$$;

revoke execute on function public.get_pageperfect_report(uuid) from public, anon, authenticated;
grant execute on function public.get_pageperfect_report(uuid) to service_role;
