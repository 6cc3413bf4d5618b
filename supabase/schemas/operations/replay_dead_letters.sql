-- Replays every dead letter that fits the filters (null: any); returns how many went back.
create or replace function public.replay_dead_letters(
  p_pipeline text, p_stage text default null, p_reason text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_limit integer default 1000
)
returns integer
language sql
security definer
set search_path = ''
as $$
  with letters as (
    select d.id from pipeline.dead_letters as d
    where d.pipeline = p_pipeline and d.replayed_at is null
      and (p_stage is null or d.stage = p_stage)
      and (p_reason is null or d.failure_reason = p_reason)
      and (p_since is null or d.routed_at >= p_since)
      and (p_until is null or d.routed_at < p_until)
    order by d.routed_at
    limit p_limit
  )
  select count(*) filter (where public.replay_dead_letter(p_pipeline, l.id) ->> 'status' = 'replayed')::integer
  from letters as l;
$$;

revoke execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer) from public, anon, authenticated;
grant execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer) to service_role;
