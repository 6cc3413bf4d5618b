-- Time as the key "asleep" of a message says it: milliseconds since 1970, never before the time itself.
create or replace function pipeline.wake_time(p_at timestamptz)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case when p_at = 'infinity' then 9007199254740991 else ceil(extract(epoch from p_at) * 1000) end;
end;
$$;

revoke execute on function pipeline.wake_time(timestamptz) from public, anon, authenticated;
