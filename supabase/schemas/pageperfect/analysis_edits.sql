-- A page's recommendations as the result shows them: the first p_top that gap_analysis ranked, all when it is
-- null, and the improvements, which p_top does not count.
create or replace function pipeline.analysis_edits(p_page_id uuid, p_top integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rank', r.rank, 'kind', r.kind, 'topic_id', r.cluster_id,
      'topic_index', k.cluster_index, 'label', r.label, 'priority', r.priority, 'reason', r.reason,
      'open_queries', case when r.open_queries = '{}' then k.queries else r.open_queries end,
      'expected_clicks', r.expected_clicks, 'opportunity', r.opportunity, 'impressions', r.impressions, 'clicks', r.clicks,
      'avg_position', r.avg_position, 'coverage', coalesce(r.coverage, least(greatest(r.best_similarity, 0), 1)),
      'confidence', r.confidence,
      -- Without a place of its own: after the section that comes nearest; the page's title is no such section.
      'place', coalesce(r.place, jsonb_build_object('kind', 'new_section',
        'after_heading', case when cardinality(n.path) > 1 then n.path[cardinality(n.path)] end, 'before_heading', null,
        'parent_heading', n.path[1], 'heading_path', coalesce(to_jsonb(n.path), '[]'::jsonb), 'segment_id', r.best_segment_id,
        'level', 2)),
      'verification', r.verification) order by r.rank), '[]'::jsonb)
  from public.rewrite_recommendations as r
  join public.keyword_clusters as k on k.id = r.cluster_id
  left join lateral (
    select case when e.kind = 'heading' then e.heading_path || e.text else e.heading_path end as path
    from public.page_embeddings as e where e.id = r.best_segment_id) as n on true
  where r.page_id = p_page_id and (p_top is null or r.rank <= p_top or r.kind = 'improve');
$$;

revoke execute on function pipeline.analysis_edits(uuid, integer) from public, anon, authenticated;
