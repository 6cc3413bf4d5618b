-- The running usage of a job with this stage's added, as a fact for the payload. Users' jobs have none: what was cached would tell
-- them what others had embedded.
create or replace function pipeline.usage_fact(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select case when p_lease.user_id is null and jsonb_typeof(p_output -> 'usage') = 'object' then jsonb_build_object(
    'usage', coalesce(p_lease.message -> 'payload' -> 'usage', '{}'::jsonb)
      || jsonb_build_object(p_lease.stage, p_output -> 'usage')) else '{}'::jsonb end;
$$;

revoke execute on function pipeline.usage_fact(pipeline.lease, jsonb) from public, anon, authenticated;
