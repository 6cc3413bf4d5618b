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

do $$
declare
  v_table text;
begin
  foreach v_table in array array['model_limits', 'model_prices', 'model_usage', 'model_usage_history'] loop
    execute format('alter table public.%I enable row level security', v_table);
  end loop;
end;
$$;
