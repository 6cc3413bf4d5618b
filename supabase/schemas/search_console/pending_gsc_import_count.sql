create or replace function public.pending_gsc_import_count()
returns integer
language sql
volatile
security invoker
set search_path = ''
as $$
  select count(*)::integer from public.gsc_properties as g where public.gsc_import_is_due(g);
$$;

revoke execute on function public.pending_gsc_import_count() from public, anon, authenticated;
grant execute on function public.pending_gsc_import_count() to service_role;
