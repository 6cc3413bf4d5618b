-- Whether an import of the property could be claimed now: one that waits or was cut off, or new days.
create or replace function public.gsc_import_is_due(p_row public.gsc_properties)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select p_row.available_at <= pipeline.now()
    and (p_row.lease_expires_at is null or p_row.lease_expires_at <= pipeline.now())
    and (p_row.import_date is not null
      or (p_row.enabled and coalesce(p_row.imported_until, '-infinity') < public.gsc_settled_day()));
$$;

revoke execute on function public.gsc_import_is_due(public.gsc_properties) from public, anon, authenticated;
grant execute on function public.gsc_import_is_due(public.gsc_properties) to service_role;
