-- What an operator looks at first: {at, stages, jobs, last_hour, dead_letters, invariants, schedules, properties}.
create or replace function access.get_operations()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return public.pipeline_metrics() || jsonb_build_object(
    'settings', (select jsonb_agg(jsonb_build_object('pipeline', c.pipeline, 'stage', c.stage, 'enabled', c.enabled,
        'max_concurrency', c.max_concurrency, 'max_attempts', c.max_attempts, 'worker', c.worker) order by c.pipeline, c.position)
      from pipeline.stage_config as c),
    'invariants', (select coalesce(jsonb_agg(to_jsonb(i)), '[]'::jsonb) from (
        select * from public.check_invariants() limit 100) as i),
    'schedules', (select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb) from pipeline.check_schedules() as s),
    'properties', (select coalesce(jsonb_agg(jsonb_build_object('property', g.property, 'enabled', g.enabled, 'imported_until', g.imported_until,
        'row_count', g.row_count, 'last_error', g.last_error, 'last_imported_at', g.last_imported_at) order by g.property), '[]'::jsonb)
      from public.gsc_properties as g));
end;
$$;

revoke execute on function access.get_operations() from public, anon, authenticated;
grant execute on function access.get_operations() to authenticated, service_role;
