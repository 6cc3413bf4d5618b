-- A page's topics, each a row as the result shows it. Before gap_analysis a topic is what its similarity says.
create or replace function pipeline.page_topics(p_page_id uuid, p_threshold double precision)
returns table (
  id bigint, topic_index integer, label text, kind text, coverage double precision, confidence double precision, intent text,
  impressions bigint, clicks bigint, avg_position double precision, expected_clicks double precision, opportunity double precision,
  best_segment_id bigint, second_segment_id bigint, queries jsonb)
language sql
stable
set search_path = ''
set enable_nestloop = off -- which would go through all keywords for each query
as $$
  with topics as materialized (
    select k.id, k.cluster_index, k.label, k.queries, k.query_coverage, k.confidence, k.intent, k.impressions, k.clicks, k.avg_position,
      k.expected_clicks, k.opportunity, k.best_segment_id, k.second_segment_id,
      coalesce(k.coverage, least(greatest(k.best_similarity, 0), 1), 0) as measure,
      coalesce(k.kind, case
        when coalesce(k.is_gap, true) then 'gap'
        -- The lowest third above the threshold: related, rarely a straight answer.
        when k.best_similarity < p_threshold + (1 - p_threshold) / 3 then 'partly'
        else 'answered' end) as verdict
    from public.keyword_clusters as k where k.page_id = p_page_id
  ), unmeasured as (
    select t.id, jsonb_agg(jsonb_build_object('query', q.query, 'variants', '[]'::jsonb, 'impressions', coalesce(w.impressions, 0),
        'clicks', coalesce(w.clicks, 0), 'position', w.position, 'coverage', t.measure, 'segment_id', t.best_segment_id,
        'is_answered', t.verdict in ('answered', 'partly', 'improve'), 'missing_terms', '[]'::jsonb) order by q.ordinality) as queries
    from topics as t
    cross join unnest(t.queries) with ordinality as q (query, ordinality)
    left join pipeline.page_keywords(p_page_id) as w on w.query = q.query
    where t.query_coverage is null
    group by t.id
  )
  select t.id, t.cluster_index, t.label, t.verdict, t.measure, t.confidence, t.intent, t.impressions, t.clicks, t.avg_position,
    t.expected_clicks, coalesce(t.opportunity, t.impressions * (1 - t.measure)), t.best_segment_id, t.second_segment_id,
    coalesce(t.query_coverage, u.queries)
  from topics as t left join unmeasured as u on u.id = t.id;
$$;

revoke execute on function pipeline.page_topics(uuid, double precision) from public, anon, authenticated;
