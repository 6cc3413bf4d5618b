-- The dead letters that fit {pipeline, stage, reason, since, until, replayed}; only open ones unless `replayed` is true.
create or replace function access.matching_dead_letters(p_filters jsonb)
returns setof pipeline.dead_letters
language sql
stable
security definer
set search_path = ''
as $$
  select d.*
  from pipeline.dead_letters as d
  where d.pipeline = coalesce(p_filters ->> 'pipeline', 'pageperfect')
    and (coalesce((p_filters ->> 'replayed')::boolean, false) or d.replayed_at is null)
    and (p_filters ->> 'stage' is null or d.stage = p_filters ->> 'stage')
    and (p_filters ->> 'reason' is null or d.failure_reason = p_filters ->> 'reason')
    and (p_filters ->> 'since' is null or d.routed_at >= (p_filters ->> 'since')::timestamptz)
    and (p_filters ->> 'until' is null or d.routed_at < (p_filters ->> 'until')::timestamptz);
$$;

revoke execute on function access.matching_dead_letters(jsonb) from public, anon, authenticated;
