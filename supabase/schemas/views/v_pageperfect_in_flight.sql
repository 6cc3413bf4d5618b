create or replace view public.v_pageperfect_in_flight
with (security_invoker = true)
as
select s.job_id, s.stage, s.attempt_count, s.msg_id, s.started_at, s.lease_expires_at,
  round(extract(epoch from now() - s.started_at)::numeric, 1) as running_seconds
from public.pageperfect_job_stages as s
where s.status = 'processing'
order by s.started_at;
comment on view public.v_pageperfect_in_flight is 'Stages a worker holds now';

revoke all on public.v_pageperfect_in_flight from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_in_flight to service_role;
