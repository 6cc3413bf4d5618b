create or replace view public.v_pageperfect_failures
with (security_invoker = true)
as
select d.stage, d.failure_reason, count(*) as dead_letter_count, count(*) filter (where d.replayed_at is null) as open_count,
  min(d.routed_at) as first_at, max(d.routed_at) as last_at
from public.pageperfect_dead_letters as d
group by d.stage, d.failure_reason
order by last_at desc;
comment on view public.v_pageperfect_failures is 'Dead letters by stage and reason';

revoke all on public.v_pageperfect_failures from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_failures to service_role;
