create or replace function pipeline.keep_model_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.model_usage_history as h (
    day, stage, provider, model, job_count, call_count, input_tokens, output_tokens, cost_usd, unpriced_count)
  select (u.created_at at time zone 'utc')::date, u.stage, u.provider, u.model, count(*), sum(u.call_count), sum(u.input_tokens), sum(u.output_tokens),
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

revoke execute on function pipeline.keep_model_usage() from public, anon, authenticated;

create or replace trigger keep_model_usage after delete on public.model_usage
referencing old table as deleted
for each statement execute function pipeline.keep_model_usage();
