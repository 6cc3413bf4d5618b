-- Replays the dead letters that fit the filters (null: any), the oldest first, for about p_seconds; returns how many went
-- back. Repeat it while that is more than none.
create or replace function public.replay_dead_letters(
  p_pipeline text, p_stage text default null, p_reason text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_limit integer default 1000, p_seconds numeric default 4
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := clock_timestamp() + make_interval(secs => p_seconds::double precision);
  v_id bigint;
  v_count integer := 0;
begin
  for v_id in
    select d.id from pipeline.dead_letters as d
    where d.pipeline = p_pipeline and d.replayed_at is null
      and (p_stage is null or d.stage = p_stage)
      and (p_reason is null or d.failure_reason = p_reason)
      and (p_since is null or d.routed_at >= p_since)
      and (p_until is null or d.routed_at < p_until)
      -- What cannot go back would be looked at again and again.
      and exists (select from pipeline.jobs as j where j.pipeline = d.pipeline and j.id = d.job_id and j.status = 'failed')
    order by d.routed_at
    limit p_limit
  loop
    if public.replay_dead_letter(p_pipeline, v_id) ->> 'status' = 'replayed' then
      v_count := v_count + 1;
    end if;
    exit when clock_timestamp() > v_until;
  end loop;
  return v_count;
end;
$$;

revoke execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer, numeric) from public, anon, authenticated;
