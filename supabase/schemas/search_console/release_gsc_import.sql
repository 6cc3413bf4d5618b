-- Hands a claimed import back, for whoever comes next; no attempt is spent.
create or replace function public.release_gsc_import(p_property text, p_lease_count bigint)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.gsc_properties as g
  set lease_expires_at = null, attempt_count = greatest(g.attempt_count - 1, 0)
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status', case when found then 'released' else 'lease_lost' end);
end;
$$;

revoke execute on function public.release_gsc_import(text, bigint) from public, anon, authenticated;
grant execute on function public.release_gsc_import(text, bigint) to service_role;
