-- The figures of the whole system as one JSON value.
create or replace function public.pipeline_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'at', pipeline.now(),
    'stages', (select coalesce(jsonb_agg(to_jsonb(m) - 'position' order by m.pipeline, m.position), '[]'::jsonb)
               from pipeline.stage_metrics as m),
    'jobs', (select coalesce(jsonb_agg(to_jsonb(j) order by j.pipeline, j.status), '[]'::jsonb) from (
               select j.pipeline, j.status, count(*) from pipeline.jobs as j group by 1, 2) as j),
    'last_hour', (select coalesce(jsonb_agg(to_jsonb(e) order by e.pipeline, e.stage, e.status), '[]'::jsonb) from (
               select e.pipeline, e.stage, e.status, count(*),
                 round(avg((e.metadata ->> 'duration_ms')::numeric)) as avg_duration_ms
               from pipeline.job_events as e
               where e.created_at > pipeline.now() - interval '1 hour' and e.stage is not null
               group by 1, 2, 3) as e),
    'dead_letters', (select coalesce(jsonb_agg(to_jsonb(d) order by d.pipeline, d.stage, d.failure_reason), '[]'::jsonb) from (
               select d.pipeline, d.stage, d.failure_reason, count(*)
               from pipeline.dead_letters as d where d.replayed_at is null group by 1, 2, 3) as d));
$$;

revoke execute on function public.pipeline_metrics() from public, anon, authenticated;
