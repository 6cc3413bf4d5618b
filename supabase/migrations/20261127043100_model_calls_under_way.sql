-- What calls that were let through and are not over yet may cost: counted with what a day's dollars were used for.
create table pipeline.model_calls_under_way (
  id bigint generated always as identity primary key,
  provider text not null,
  model text not null,
  job_id uuid,
  user_id uuid,
  cost_usd numeric not null,
  expires_at timestamptz not null
);
comment on table pipeline.model_calls_under_way is 'Calls of models with a price that were let through and have not ended: what their prompts cost, for the ceilings';
create index model_calls_under_way_job_id_idx on pipeline.model_calls_under_way (job_id);
alter table pipeline.model_calls_under_way enable row level security;
revoke all on pipeline.model_calls_under_way from public, anon, authenticated, service_role;
grant select on pipeline.model_calls_under_way to service_role;
