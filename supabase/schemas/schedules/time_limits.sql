-- The one order of times, in seconds: what begins a piece of work must outlast what it waits for. Leases
-- (stage_config.visibility_seconds) follow after http_timeout; a pgTAP test holds them all to it.
create or replace function pipeline.time_limits()
returns table (name text, seconds integer, meaning text)
language sql
immutable
set search_path = ''
as $$
  values
    ('function_budget', 120, 'an invocation of a worker has finished or given up by then'),
    ('http_timeout', 140, 'pg_net stops waiting for a function''s answer'),
    ('platform_limit', 150, 'Supabase ends a worker, and a request without an answer, on its smallest plan');
$$;

revoke execute on function pipeline.time_limits() from public, anon, authenticated;
