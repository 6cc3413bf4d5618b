create or replace view public.v_pageperfect_throughput
with (security_invoker = true)
as
select date_trunc('hour', e.created_at, 'UTC') as hour, e.stage,
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

revoke all on public.v_pageperfect_throughput from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_throughput to service_role;
