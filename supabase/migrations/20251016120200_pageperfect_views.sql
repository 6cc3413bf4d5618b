-- What an operator looks at. Views run with the reader's rights, so a user sees only their own jobs.

create or replace view public.v_pageperfect_job_status
with (security_invoker = true)
as
select
  j.id as job_id,
  j.url,
  j.status,
  j.stage,
  s.status as stage_status,
  s.attempt_count as stage_attempt_count,
  s.max_attempts as stage_max_attempts,
  coalesce(t.completed_count, 0) as completed_stage_count,
  j.attempt_count,
  j.priority,
  s.next_retry_at,
  coalesce(j.error, s.last_error) as last_error,
  j.created_at,
  j.updated_at,
  j.completed_at,
  round(extract(epoch from coalesce(j.completed_at, j.cancelled_at, j.last_dead_letter_at, now()) - j.created_at)::numeric, 1) as age_seconds,
  j.page_id
from public.pageperfect_jobs as j
left join public.pageperfect_job_stages as s on s.job_id = j.id and s.stage = j.stage
left join lateral (
  select count(*) as completed_count from public.pageperfect_job_stages as t
  where t.job_id = j.id and t.status = 'completed'
) as t on true
order by j.created_at desc;
comment on view public.v_pageperfect_job_status is 'Where every job stands';

create or replace view public.v_pageperfect_backlog
with (security_invoker = true)
as
select m.stage, m.ready_count, m.sleeping_count, m.in_flight_count, m.max_concurrency, m.oldest_ready_seconds, m.failed_count
from pipeline.stage_metrics as m
where m.pipeline = 'pageperfect'
order by m.position;
comment on view public.v_pageperfect_backlog is 'Per stage: what waits, since when, what runs';

create or replace view public.v_pageperfect_in_flight
with (security_invoker = true)
as
select s.job_id, s.stage, s.attempt_count, s.msg_id, s.started_at, s.lease_expires_at,
  round(extract(epoch from now() - s.started_at)::numeric, 1) as running_seconds
from public.pageperfect_job_stages as s
where s.status = 'processing'
order by s.started_at;
comment on view public.v_pageperfect_in_flight is 'Stages a worker holds now';

create or replace view public.v_pageperfect_failures
with (security_invoker = true)
as
select d.stage, d.failure_reason, count(*) as dead_letter_count, count(*) filter (where d.replayed_at is null) as open_count,
  min(d.routed_at) as first_at, max(d.routed_at) as last_at
from public.pageperfect_dead_letters as d
group by d.stage, d.failure_reason
order by last_at desc;
comment on view public.v_pageperfect_failures is 'Dead letters by stage and reason';

create or replace view public.v_pageperfect_throughput
with (security_invoker = true)
as
select date_trunc('hour', e.created_at) as hour, e.stage,
  count(*) filter (where e.status = 'completed') as completed_count,
  count(*) filter (where e.status = 'retry_scheduled') as retry_count,
  count(*) filter (where e.status = 'lease_expired') as lease_expired_count,
  count(*) filter (where e.status = 'dead_lettered') as dead_letter_count,
  round(avg((e.metadata ->> 'duration_ms')::numeric) filter (where e.status = 'completed')) as avg_duration_ms
from public.pageperfect_job_events as e
where e.stage is not null and e.created_at > now() - interval '7 days'
group by 1, 2
order by 1 desc, 2;
comment on view public.v_pageperfect_throughput is 'Per hour and stage: completions, retries, losses, duration';

create or replace view public.v_pageperfect_costs
with (security_invoker = true)
as
select date_trunc('day', u.created_at)::date as day, j.url, u.stage, u.provider, u.model,
  count(distinct u.job_id) as job_count, sum(u.call_count) as call_count,
  sum(u.input_tokens) as input_tokens, sum(u.output_tokens) as output_tokens,
  sum(u.cost_usd) as cost_usd, count(*) filter (where u.cost_usd is null) as unpriced_count
from public.model_usage as u
join public.pageperfect_jobs as j on j.id = u.job_id
group by 1, 2, 3, 4, 5
union all
select h.day, null, h.stage, h.provider, h.model, h.job_count, h.call_count, h.input_tokens, h.output_tokens, h.cost_usd,
  h.unpriced_count
from public.model_usage_history as h
order by 1 desc, 2, 3;
comment on view public.v_pageperfect_costs is
  'Per day, page (null for jobs that are deleted), stage and model: tokens and dollars; unpriced_count rows have no price and are missing from cost_usd';
