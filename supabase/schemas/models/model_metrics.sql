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

revoke execute on function public.model_metrics() from public, anon, authenticated;
