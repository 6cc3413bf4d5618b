-- Records why a claimed import failed. p_action "retry": it goes on from its checkpoint after the delay;
-- "dead_letter": it ends, and the daily import begins again tomorrow where the last one stopped.
create or replace function public.fail_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_error jsonb,
  p_action text,
  p_delay_seconds numeric
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_ends boolean := p_action = 'dead_letter';
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_gsc_import: the action is retry or dead_letter' using errcode = '22023';
  end if;
  update public.gsc_properties as g
  set last_error = p_error,
    lease_expires_at = null,
    import_date = case when not v_ends then g.import_date end,
    import_end = case when not v_ends then g.import_end end,
    next_row = case when v_ends then 0 else g.next_row end,
    attempt_count = case when v_ends then 0 else g.attempt_count end,
    available_at = pipeline.now() + case when v_ends then interval '1 day'
      else make_interval(secs => coalesce(p_delay_seconds, 0)::double precision) end
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status',
    case when not found then 'lease_lost' when v_ends then 'failed' else 'retry_scheduled' end);
end;
$$;

revoke execute on function public.fail_gsc_import(text, bigint, jsonb, text, numeric) from public, anon, authenticated;
grant execute on function public.fail_gsc_import(text, bigint, jsonb, text, numeric) to service_role;
