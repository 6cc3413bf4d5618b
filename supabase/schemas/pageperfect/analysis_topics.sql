-- A page's topics as the result shows them, by impressions. Before gap_analysis a topic is what its similarity says.
create or replace function pipeline.analysis_topics(p_page_id uuid, p_threshold double precision)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with topics as (
    select k.id, k.cluster_index, k.label, k.queries, k.confidence, k.intent, k.impressions, k.clicks, k.avg_position,
      k.expected_clicks, k.opportunity, k.best_segment_id, k.second_segment_id, k.query_coverage,
      coalesce(k.coverage, least(greatest(k.best_similarity, 0), 1), 0) as coverage,
      coalesce(k.kind, case
        when coalesce(k.is_gap, true) then 'gap'
        -- The lowest third above the threshold: related, rarely a straight answer.
        when k.best_similarity < p_threshold + (1 - p_threshold) / 3 then 'partly'
        else 'answered' end) as kind
    from public.keyword_clusters as k where k.page_id = p_page_id
  ), keywords as materialized (
    select * from pipeline.page_keywords(p_page_id)
    where exists (select 1 from topics as t where t.query_coverage is null)
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'topic_index', t.cluster_index, 'label', t.label, 'kind', t.kind,
      'coverage', t.coverage, 'confidence', t.confidence, 'intent', t.intent, 'impressions', t.impressions, 'clicks', t.clicks,
      'avg_position', t.avg_position, 'expected_clicks', t.expected_clicks,
      'opportunity', coalesce(t.opportunity, t.impressions * (1 - t.coverage)),
      'best_segment_id', t.best_segment_id, 'second_segment_id', t.second_segment_id,
      'queries', coalesce(t.query_coverage, (
        select jsonb_agg(jsonb_build_object('query', q.query, 'variants', '[]'::jsonb, 'impressions', coalesce(w.impressions, 0),
          'clicks', coalesce(w.clicks, 0), 'position', w.position, 'coverage', t.coverage, 'segment_id', t.best_segment_id,
          'is_answered', t.kind in ('answered', 'partly', 'improve'), 'missing_terms', '[]'::jsonb) order by q.ordinality)
        from unnest(t.queries) with ordinality as q (query, ordinality)
        left join keywords as w on w.query = q.query)))
    order by t.impressions desc, t.id), '[]'::jsonb)
  from topics as t;
$$;

revoke execute on function pipeline.analysis_topics(uuid, double precision) from public, anon, authenticated;
