-- Replays up to 1,000 of the matching dead letters; {replayed_count, remaining_count}. Repeat while some remain. `p_expected`: how many
-- the caller was told match; more are refused.
create or replace function access.replay_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_replayed integer;
begin
  perform access.require_operator();
  perform access.require_count((select count(*) from access.matching_dead_letters(p_filters)), p_expected);
  select count(*) filter (where public.replay_dead_letter(d.pipeline, d.id) ->> 'status' = 'replayed') into v_replayed
  from (select m.pipeline, m.id from access.matching_dead_letters(p_filters) as m order by m.routed_at, m.id limit 1000) as d;
  return jsonb_build_object('replayed_count', v_replayed,
    'remaining_count', (select count(*) from access.matching_dead_letters(p_filters)));
end;
$$;

revoke execute on function access.replay_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function access.replay_matching(jsonb, bigint) to authenticated, service_role;
