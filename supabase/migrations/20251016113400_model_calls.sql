-- Calls to models: when they may be made, and what they cost. Every worker asks begin_model_call before a call and tells
-- end_model_call what became of it, so that what one learns about a limit holds for all.

-- Two of a provider's limits are known: what its answers say (capacity, refill) and what an operator sets (per_minute);
-- the stricter one counts. Both are token buckets: full at their capacity, refilled evenly.
create table if not exists public.model_limits (
  provider text not null,
  model text not null,
  unit text not null constraint model_limits_unit_check check (unit in ('requests', 'tokens', 'input_tokens', 'output_tokens')),
  per_minute double precision check (per_minute > 0),
  capacity double precision check (capacity > 0),
  refill_per_second double precision check (refill_per_second > 0),
  available double precision,
  blocked_until timestamptz,
  updated_at timestamptz not null default now(),
  primary key (provider, model, unit)
);
comment on table public.model_limits is 'Rate limits of the models, shared by all workers; set per_minute to stay below your own';
comment on column public.model_limits.provider is 'openai, anthropic, supabase, or the host name of another server';
comment on column public.model_limits.capacity is 'The limit as the provider''s answers state it';
comment on column public.model_limits.available is 'Left at updated_at; below 0 when more was used than was foreseen';
comment on column public.model_limits.blocked_until is 'The provider refused a call and asked to wait until then';

create table if not exists public.model_prices (
  provider text not null,
  model text not null,
  input_usd numeric not null check (input_usd >= 0),
  output_usd numeric check (output_usd >= 0),
  as_of date not null default current_date,
  source text not null default 'set by hand',
  primary key (provider, model)
);
comment on table public.model_prices is 'Dollars a million tokens, yours to edit; model * stands for all other models of a provider';
comment on column public.model_prices.output_usd is 'Null for models that write nothing';
comment on column public.model_prices.as_of is 'The day the price was looked up: check it against your bill';

-- What the default models cost; what is there already stays as it is.
insert into public.model_prices (provider, model, input_usd, output_usd, as_of, source) values
  ('openai', 'text-embedding-3-small', 0.02, null, '2026-07-03', 'list price, standard tier'),
  ('openai', 'text-embedding-3-large', 0.13, null, '2026-07-03', 'list price, standard tier'),
  ('openai', 'gpt-5.4-mini', 0.75, 4.50, '2026-03-20', 'list price, standard tier, nothing cached'),
  ('anthropic', 'claude-sonnet-5-5', 2, 10, '2026-10-24', 'list price, standard tier, nothing cached'),
  ('supabase', '*', 0, 0, '2026-11-01', 'part of the function''s CPU time'),
  ('localhost', '*', 0, 0, '2026-11-01', 'your own machine'),
  ('127.0.0.1', '*', 0, 0, '2026-11-01', 'your own machine'),
  ('host.docker.internal', '*', 0, 0, '2026-11-01', 'your own machine')
on conflict (provider, model) do nothing;

create table if not exists public.model_usage (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  provider text not null,
  model text not null,
  call_count integer not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric,
  created_at timestamptz not null default now(),
  primary key (job_id, stage, provider, model),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table public.model_usage is 'What a job''s stages used of a model, useless answers and lost attempts included; goes with its job into model_usage_history';
comment on column public.model_usage.cost_usd is 'At the prices of the moment of each call; null when one of them had no price';
create index if not exists model_usage_created_at_idx on public.model_usage (created_at);

create table if not exists public.model_usage_history (
  day date not null,
  stage text not null,
  provider text not null,
  model text not null,
  job_count integer not null,
  call_count bigint not null,
  input_tokens bigint not null,
  output_tokens bigint not null,
  cost_usd numeric,
  unpriced_count integer not null,
  primary key (day, stage, provider, model)
);
comment on table public.model_usage_history is 'The usage of jobs that are deleted, by the day of their first call';

create or replace function pipeline.keep_model_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.model_usage_history as h (
    day, stage, provider, model, job_count, call_count, input_tokens, output_tokens, cost_usd, unpriced_count)
  select u.created_at::date, u.stage, u.provider, u.model, count(*), sum(u.call_count), sum(u.input_tokens), sum(u.output_tokens),
    sum(u.cost_usd), count(*) filter (where u.cost_usd is null)
  from deleted as u
  group by 1, 2, 3, 4
  on conflict (day, stage, provider, model) do update
  set job_count = h.job_count + excluded.job_count, call_count = h.call_count + excluded.call_count,
      input_tokens = h.input_tokens + excluded.input_tokens, output_tokens = h.output_tokens + excluded.output_tokens,
      cost_usd = coalesce(h.cost_usd + excluded.cost_usd, h.cost_usd, excluded.cost_usd),
      unpriced_count = h.unpriced_count + excluded.unpriced_count;
  return null;
end;
$$;

create or replace trigger keep_model_usage after delete on public.model_usage
referencing old table as deleted
for each statement execute function pipeline.keep_model_usage();

do $$
declare
  v_table text;
begin
  foreach v_table in array array['model_limits', 'model_prices', 'model_usage', 'model_usage_history'] loop
    execute format('alter table public.%I enable row level security', v_table);
  end loop;
end;
$$;

-- What a call costs, dollars; null when the model has no price.
create or replace function pipeline.model_cost(p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint)
returns numeric
language sql
stable
set search_path = ''
as $$
  select (p_input_tokens * p.input_usd + case when p_output_tokens = 0 then 0 else p_output_tokens * p.output_usd end) / 1e6
  from public.model_prices as p
  where p.provider = p_provider and p.model in (p_model, '*')
  order by p.model = '*'
  limit 1;
$$;

-- The size of a bucket, and how full it is now; null: nothing is known of its limit.
create or replace function pipeline.bucket_size(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute, p_limit.capacity);
$$;

create or replace function pipeline.bucket_refill(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute / 60, coalesce(p_limit.refill_per_second, p_limit.capacity / 60));
$$;

create or replace function pipeline.bucket_level(p_limit public.model_limits, p_now timestamptz)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(pipeline.bucket_size(p_limit),
    coalesce(p_limit.available, pipeline.bucket_size(p_limit))
      + pipeline.bucket_refill(p_limit) * greatest(extract(epoch from p_now - p_limit.updated_at), 0));
$$;

-- Leave to call a model with about p_tokens tokens: 0, and the call is counted; else the seconds to wait before asking
-- again, and nothing is counted. A call above the size of a bucket is let through when the bucket is full.
create or replace function public.begin_model_call(p_provider text, p_model text, p_tokens double precision)
returns double precision
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_wait double precision;
begin
  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  if not found then
    return 0;
  end if;
  v_now := pipeline.now(); -- with the locks in hand: another call may have been counted meanwhile
  select max(greatest(
    extract(epoch from l.blocked_until - v_now),
    (least(case when l.unit in ('tokens', 'input_tokens') then p_tokens else 1 end, pipeline.bucket_size(l))
      - pipeline.bucket_level(l, v_now)) / pipeline.bucket_refill(l)))
  into v_wait
  from public.model_limits as l
  where l.provider = p_provider and l.model = p_model;
  if v_wait > 0 then
    return least(v_wait, 3600);
  end if;
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now)
        - case l.unit when 'requests' then 1 when 'output_tokens' then 0 else p_tokens end,
      updated_at = v_now
  where l.provider = p_provider and l.model = p_model;
  return 0;
end;
$$;

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
  insert into public.model_usage as u (job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  select j.id, p_stage, p_provider, p_model, 1, v_input_tokens, v_output_tokens,
    pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens)
  from pipeline.jobs as j
  where p_usage is not null and j.pipeline = 'pageperfect' and j.id = p_job_id
  on conflict (job_id, stage, provider, model) do update
  set call_count = u.call_count + 1, input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, cost_usd = u.cost_usd + excluded.cost_usd;

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

-- Figures for monitoring: what models were used in the last 24 hours, and where their limits stand.
create or replace function public.model_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'usage', (select coalesce(jsonb_agg(to_jsonb(u) order by u.provider, u.model), '[]'::jsonb) from (
        select u.provider, u.model, sum(u.call_count) as call_count, sum(u.input_tokens) as input_tokens,
          sum(u.output_tokens) as output_tokens, sum(u.cost_usd) as cost_usd,
          count(*) filter (where u.cost_usd is null) as unpriced_count
        from public.model_usage as u where u.created_at > now() - interval '1 day' group by 1, 2) as u),
    'limits', (select coalesce(jsonb_agg(jsonb_build_object('provider', l.provider, 'model', l.model, 'unit', l.unit,
        'size', pipeline.bucket_size(l), 'available', pipeline.bucket_level(l, pipeline.now()),
        'blocked_seconds', greatest(extract(epoch from l.blocked_until - pipeline.now()), 0))
        order by l.provider, l.model, l.unit), '[]'::jsonb)
      from public.model_limits as l));
$$;
