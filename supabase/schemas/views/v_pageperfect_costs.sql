create or replace view public.v_pageperfect_costs
with (security_invoker = true)
as
select (u.created_at at time zone 'utc')::date as day, j.url, u.stage, u.provider, u.model,
  count(distinct u.job_id) as job_count, sum(u.call_count) as call_count,
  sum(u.input_tokens) as input_tokens, sum(u.output_tokens) as output_tokens,
  sum(u.cost_usd) as cost_usd, count(*) filter (where u.cost_usd is null) as unpriced_count
from public.model_usage as u
join pipeline.jobs as j on j.pipeline = u.pipeline and j.id = u.job_id
group by 1, 2, 3, 4, 5
union all
select h.day, null, h.stage, h.provider, h.model, h.job_count, h.call_count, h.input_tokens, h.output_tokens, h.cost_usd,
  h.unpriced_count
from public.model_usage_history as h
order by 1 desc, 2, 3;
comment on view public.v_pageperfect_costs is
  'Per day, page (of a site''s job its source; null for jobs that are deleted), stage and model: tokens and dollars; unpriced_count rows have no price and are missing from cost_usd';

revoke all on public.v_pageperfect_costs from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_costs to service_role;
