-- Backlog, age, running and failing per stage: the dispatcher's GET answers with this.
create or replace view pipeline.stage_metrics
with (security_invoker = true)
as
select
  c.pipeline,
  c.stage,
  c.position,
  c.max_concurrency,
  coalesce(s.ready_count, 0) as ready_count,
  coalesce(s.sleeping_count, 0) as sleeping_count,
  coalesce(s.in_flight_count, 0) as in_flight_count,
  round(extract(epoch from pipeline.now() - s.oldest_ready_at)) as oldest_ready_seconds,
  coalesce(f.failed_count, 0) as failed_count
from pipeline.stage_config as c
left join (
  select
    s.pipeline,
    s.stage,
    count(*) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as ready_count,
    count(*) filter (where s.status = 'queued' and s.available_at > pipeline.now()) as sleeping_count,
    count(*) filter (where s.status = 'processing') as in_flight_count,
    min(s.available_at) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as oldest_ready_at
  from (
    select w.pipeline, w.stage, w.status, w.available_at from pipeline.job_stages as w where w.status = 'queued'
    union all
    select r.pipeline, r.stage, r.status, r.available_at from pipeline.job_stages as r where r.status = 'processing'
  ) as s -- in two parts, as they are indexed
  group by s.pipeline, s.stage
) as s on s.pipeline = c.pipeline and s.stage = c.stage
left join (
  select d.pipeline, d.stage, count(distinct d.job_id) as failed_count
  from pipeline.dead_letters as d
  where d.replayed_at is null
  group by d.pipeline, d.stage
) as f on f.pipeline = c.pipeline and f.stage = c.stage;
comment on view pipeline.stage_metrics is 'Backlog, oldest age, in flight and failed per stage';

revoke all on pipeline.stage_metrics from public, anon, authenticated, service_role;
grant select on pipeline.stage_metrics to service_role;
