-- Claims an import that is due, the longest waiting first:
-- {property, lease_count, date, start_row, attempt_count, max_attempts}, or null when there is none.
create or replace function public.claim_gsc_import(p_lease_seconds integer)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  c_max_attempts constant integer := 8;
  v public.gsc_properties;
begin
  -- A worker that dies every time without a word must end somewhere too.
  update public.gsc_properties as g
  set import_date = null, import_end = null, next_row = 0, lease_expires_at = null, attempt_count = 0,
    available_at = pipeline.now() + interval '1 day',
    last_error = jsonb_build_object('message', 'the importer ended without a word, time after time', 'code', 'WORKER_LIMIT')
  where g.import_date is not null and g.attempt_count >= c_max_attempts and public.gsc_import_is_due(g);

  select g.* into v
  from public.gsc_properties as g
  where public.gsc_import_is_due(g)
  order by g.available_at
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  if v.import_date is null then
    -- Nothing before the first daily import is wanted, so all of it counts as imported.
    v.imported_until := coalesce(v.imported_until, public.gsc_settled_day() - v.lookback_days);
    v.import_date := v.imported_until + 1;
    v.import_end := public.gsc_settled_day();
    v.next_row := 0;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_count = g.lease_count + 1, attempt_count = g.attempt_count + 1,
    lease_expires_at = pipeline.now() + make_interval(secs => p_lease_seconds)
  where g.property = v.property
  returning g.* into v;
  return jsonb_build_object('property', v.property, 'lease_count', v.lease_count, 'date', v.import_date,
    'start_row', v.next_row, 'attempt_count', v.attempt_count, 'max_attempts', c_max_attempts);
end;
$$;

revoke execute on function public.claim_gsc_import(integer) from public, anon, authenticated;
grant execute on function public.claim_gsc_import(integer) to service_role;
