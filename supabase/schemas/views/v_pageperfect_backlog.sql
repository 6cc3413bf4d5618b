create or replace view public.v_pageperfect_backlog
with (security_invoker = true)
as
select m.stage, m.ready_count, m.sleeping_count, m.in_flight_count, m.max_concurrency, m.oldest_ready_seconds, m.failed_count
from pipeline.stage_metrics as m
where m.pipeline = 'pageperfect'
order by m.position;
comment on view public.v_pageperfect_backlog is 'Per stage: what waits, since when, what runs';

revoke all on public.v_pageperfect_backlog from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_backlog to service_role;
