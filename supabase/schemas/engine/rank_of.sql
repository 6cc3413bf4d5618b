-- Where a job's messages stand in line, lowest first: by share, so that no owner's many come before another's first; within
-- a share by age, where each point of priority counts as a minute of waiting, so that nothing waits for ever.
create or replace function pipeline.rank_of(p_share bigint, p_created_at timestamptz, p_priority integer)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_share * 10000000000 + (extract(epoch from p_created_at) * 1000)::bigint - 1767225600000
    - coalesce(p_priority, 0) * 60000;
end;
$$;

revoke execute on function pipeline.rank_of(bigint, timestamptz, integer) from public, anon, authenticated;
