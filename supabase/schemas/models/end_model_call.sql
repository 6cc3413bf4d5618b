-- What became of a call that begin_model_call let through with p_tokens.
--   p_usage {input_tokens, output_tokens}: null when the provider refused it
--   p_limits [{unit, limit, remaining, reset_seconds}]: what the answer said; reset_seconds is the time to the full limit
--   p_blocked_seconds: no call before that, the provider says
create or replace function public.end_model_call(
  p_job_id uuid, p_stage text, p_provider text, p_model text, p_tokens double precision,
  p_usage jsonb default null, p_limits jsonb default '[]'::jsonb, p_blocked_seconds double precision default null
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_input_tokens bigint := coalesce((p_usage ->> 'input_tokens')::bigint, 0);
  v_output_tokens bigint := coalesce((p_usage ->> 'output_tokens')::bigint, 0);
begin
  delete from pipeline.model_calls_under_way as c
  where c.id = (select o.id from pipeline.model_calls_under_way as o
    where o.job_id is not distinct from p_job_id and o.provider = p_provider and o.model = p_model order by o.id limit 1);
  insert into public.model_usage as u (pipeline, job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  select j.pipeline, j.id, p_stage, p_provider, p_model, 1, v_input_tokens, v_output_tokens,
    pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens)
  from pipeline.jobs as j
  where p_usage is not null and j.pipeline in ('pageperfect', 'site') and j.id = p_job_id
  on conflict (job_id, stage, provider, model) do update
  set call_count = u.call_count + 1, input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, cost_usd = u.cost_usd + excluded.cost_usd;

  if p_usage is not null then
    perform pipeline.count_usage((select j.user_id from pipeline.jobs as j where j.pipeline in ('pageperfect', 'site') and j.id = p_job_id),
      p_usd => pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens));
  end if;

  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  v_now := pipeline.now();
  -- What was foreseen gives way to what was used.
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now) + case l.unit
        when 'tokens' then p_tokens - v_input_tokens - v_output_tokens
        when 'input_tokens' then p_tokens - v_input_tokens
        when 'output_tokens' then -v_output_tokens
        else 0 end,
      updated_at = v_now
  where p_usage is not null and l.provider = p_provider and l.model = p_model;

  -- Calls under way are in our count and not yet in the provider's, so the lower one holds.
  insert into public.model_limits as l (provider, model, unit, capacity, refill_per_second, available, updated_at)
  select p_provider, p_model, h.unit, h."limit",
    case when h.remaining < h."limit" and h.reset_seconds > 0 then (h."limit" - h.remaining) / h.reset_seconds end,
    h.remaining, v_now
  from jsonb_to_recordset(p_limits) as h (unit text, "limit" double precision, remaining double precision, reset_seconds double precision)
  where h."limit" > 0 and h.remaining >= 0
  order by h.unit
  on conflict (provider, model, unit) do update
  set capacity = excluded.capacity, refill_per_second = coalesce(excluded.refill_per_second, l.refill_per_second),
      available = least(pipeline.bucket_level(l, v_now), excluded.available), updated_at = v_now;

  if p_blocked_seconds is not null then
    insert into public.model_limits as l (provider, model, unit, blocked_until, updated_at)
    values (p_provider, p_model, 'requests', v_now + make_interval(secs => least(p_blocked_seconds, 3600)), v_now)
    on conflict (provider, model, unit) do update
    set blocked_until = greatest(l.blocked_until, excluded.blocked_until);
  end if;
end;
$$;

revoke execute on function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision) from public, anon, authenticated;
