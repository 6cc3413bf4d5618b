-- The report of a job at any moment of its life, with the parts p_more.
create or replace function pipeline.pageperfect_report(p_job_id uuid, p_more jsonb default '{}')
returns json
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
begin
  return (select json_object_agg(part.key, part.value) from (
    select r.key, to_json(r.value) as value from jsonb_each(v_job.result || '{}') as r
    union all
    select a.* from pipeline.pageperfect_analysis(p_job_id, v_job.page_id,
      v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}')) as a where v_job.result is null
    union all
    select m.key, to_json(m.value) from jsonb_each(p_more) as m
    union all
    values
      ('job', json_build_object('id', v_job.id, 'url', v_job.url, 'status', v_job.status, 'stage', v_job.stage,
        'priority', v_job.priority, 'error', v_job.error, 'created_at', v_job.created_at, 'completed_at', v_job.completed_at,
        'parameters', v_job.payload -> 'parameters')),
      ('stages', (select coalesce(json_agg(json_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'),
          'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', s.max_attempts, 'started_at', s.started_at,
          'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at, 'last_error', s.last_error,
          'duration_ms', round(extract(epoch from s.finished_at - s.started_at) * 1000)) order by c.position), '[]')
        from pipeline.stage_config as c
        left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
        where c.pipeline = 'pageperfect')),
      ('dead_letters', (select coalesce(json_agg(json_build_object('id', d.id, 'stage', d.stage, 'reason', d.failure_reason,
          'error_details', d.error_details, 'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id), '[]')
        from pipeline.dead_letters as d where d.pipeline = 'pageperfect' and d.job_id = p_job_id))) as part);
end;
$$;

revoke execute on function pipeline.pageperfect_report(uuid, jsonb) from public, anon, authenticated;
