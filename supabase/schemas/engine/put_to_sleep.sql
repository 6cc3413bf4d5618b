-- A message that is to be visible at p_visible_at, marked as asleep until then (see write_pipeline_functions); 'infinity'
-- is until somebody wakes it.
create or replace function pipeline.put_to_sleep(p_message jsonb, p_visible_at timestamptz, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_visible_at > p_now then p_message || jsonb_build_object('asleep', pipeline.wake_time(p_visible_at))
    else p_message - 'asleep' - 'lane'
  end;
end;
$$;

revoke execute on function pipeline.put_to_sleep(jsonb, timestamptz, timestamptz) from public, anon, authenticated;
