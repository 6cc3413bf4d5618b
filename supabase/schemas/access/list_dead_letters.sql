-- {groups, letters, total_count}: groups by stage and reason, and the newest 100 letters.
create or replace function access.list_dead_letters(p_filters jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return jsonb_build_object(
    'groups', (select coalesce(jsonb_agg(to_jsonb(g) order by g.letter_count desc, g.reason), '[]'::jsonb) from (
        select d.stage, d.failure_reason as reason, count(*) as letter_count, min(d.routed_at) as first_at, max(d.routed_at) as last_at,
          (array_agg(left(d.error_details ->> 'message', 300) order by d.id desc))[1] as example
        from access.matching_dead_letters(p_filters - 'reason' - 'stage') as d
        group by 1, 2) as g),
    'letters', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'job_id', d.job_id, 'url', j.url, 'stage', d.stage,
        'reason', d.failure_reason, 'message', left(d.error_details ->> 'message', 500), 'attempt_count', d.attempt_count,
        'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id desc), '[]'::jsonb)
      from (select * from access.matching_dead_letters(p_filters) as m order by m.id desc limit 100) as d
      left join pipeline.jobs as j on j.pipeline = d.pipeline and j.id = d.job_id),
    'total_count', (select count(*) from access.matching_dead_letters(p_filters)));
end;
$$;

revoke execute on function access.list_dead_letters(jsonb) from public, anon, authenticated;
grant execute on function access.list_dead_letters(jsonb) to authenticated, service_role;
