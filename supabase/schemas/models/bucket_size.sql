-- The size of a bucket, and how full it is now; null: nothing is known of its limit.
create or replace function pipeline.bucket_size(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute, p_limit.capacity);
$$;

revoke execute on function pipeline.bucket_size(public.model_limits) from public, anon, authenticated;
