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

revoke execute on function pipeline.bucket_level(public.model_limits, timestamptz) from public, anon, authenticated;
