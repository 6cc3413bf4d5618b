-- The figures of the verdict, from topics and edits as the result shows them.
create or replace function pipeline.analysis_summary(p_topics jsonb, p_edits jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  with topics as (
    select t.* from jsonb_to_recordset(p_topics) as t (kind text, queries jsonb)
  ), queries as (
    select t.kind not in ('brand', 'navigation', 'unrelated') as is_asked, q.*
    from topics as t
    cross join jsonb_to_recordset(t.queries) as q (variants jsonb, impressions bigint, clicks bigint, is_answered boolean)
  )
  select jsonb_build_object(
    'query_count', (select coalesce(sum(1 + jsonb_array_length(q.variants)), 0) from queries as q),
    'impressions', (select coalesce(sum(q.impressions), 0) from queries as q),
    'clicks', (select coalesce(sum(q.clicks), 0) from queries as q),
    'answered_share', (
      select round(sum(q.impressions) filter (where q.is_answered) / nullif(sum(q.impressions), 0), 4)
      from queries as q where q.is_asked),
    'gap_count', (select count(*) from topics as t where t.kind = 'gap'),
    'partly_count', (select count(*) from topics as t where t.kind = 'partly'),
    'improve_count', (select count(*) from topics as t where t.kind = 'improve'),
    'expected_clicks', (
      select coalesce(round(sum(e.expected_clicks)::numeric, 1), 0)
      from jsonb_to_recordset(p_edits) as e (expected_clicks double precision)));
$$;

revoke execute on function pipeline.analysis_summary(jsonb, jsonb) from public, anon, authenticated;
