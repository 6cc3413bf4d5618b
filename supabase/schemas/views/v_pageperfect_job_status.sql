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

revoke all on public.v_pageperfect_job_status from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_job_status to service_role;
grant select on public.v_pageperfect_job_status to authenticated;
