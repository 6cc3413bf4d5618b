create or replace function pipeline.bucket_refill(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute / 60, coalesce(p_limit.refill_per_second, p_limit.capacity / 60));
$$;

revoke execute on function pipeline.bucket_refill(public.model_limits) from public, anon, authenticated;
