-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease and
-- gives fresh attempts. {status: "continue", date, start_row} says what comes next; "committed": the import is done;
-- else lease_lost or cancelled.
create or replace function public.checkpoint_gsc_import(p_msg_id bigint, p_read_ct integer, p_row_count integer, p_is_day_done boolean, p_seconds integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('fetch', p_msg_id, p_read_ct);
  v public.gsc_properties;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.gsc_properties as g
  set row_count = g.row_count + p_row_count, last_error = null, last_imported_at = pipeline.now(),
      next_row = case when p_is_day_done then 0 else g.next_row + p_row_count end,
      -- Days that were asked for out of turn leave the daily import where it is.
      imported_until = case when p_is_day_done and g.import_date = g.imported_until + 1 then g.import_date else g.imported_until end,
      import_date = case when not p_is_day_done then g.import_date when g.import_date < g.import_end then g.import_date + 1 end,
      import_end = case when not p_is_day_done or g.import_date < g.import_end then g.import_end end
  where g.job_id = v_lease.job_id
  returning * into v;
  if v.import_date is null then
    return pipeline.finish_stage(v_lease, jsonb_build_object('property', v.property));
  end if;
  update pipeline.job_stages set attempt_count = 1 where pipeline = 'fetch' and job_id = v_lease.job_id and stage = 'gsc_import';
  perform public.extend_lease('fetch', p_msg_id, p_read_ct, p_seconds);
  return jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row);
end;
$$;

revoke execute on function public.checkpoint_gsc_import(bigint, integer, integer, boolean, integer) from public, anon, authenticated;
