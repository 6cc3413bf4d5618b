-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease.
-- {status: "continue", date, start_row} says what comes next; else status is "completed" or "lease_lost".
create or replace function public.checkpoint_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_row_count integer,
  p_is_day_done boolean,
  p_lease_seconds integer
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v public.gsc_properties;
begin
  select g.* into v from public.gsc_properties as g
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  end if;
  v.next_row := v.next_row + p_row_count;
  v.lease_expires_at := pipeline.now() + make_interval(secs => p_lease_seconds);
  v.attempt_count := 1;
  if p_is_day_done then
    -- Days that were asked for out of turn leave the daily import where it is.
    if v.import_date = v.imported_until + 1 then
      v.imported_until := v.import_date;
    end if;
    v.import_date := v.import_date + 1;
    v.next_row := 0;
    if v.import_date > v.import_end then
      v.import_date := null;
      v.import_end := null;
      v.lease_expires_at := null;
      v.attempt_count := 0;
    end if;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_expires_at = v.lease_expires_at, attempt_count = v.attempt_count, row_count = g.row_count + p_row_count,
    last_error = null, last_imported_at = pipeline.now()
  where g.property = p_property;
  return case when v.import_date is null then jsonb_build_object('status', 'completed')
    else jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row) end;
end;
$$;

revoke execute on function public.checkpoint_gsc_import(text, bigint, integer, boolean, integer) from public, anon, authenticated;
grant execute on function public.checkpoint_gsc_import(text, bigint, integer, boolean, integer) to service_role;
