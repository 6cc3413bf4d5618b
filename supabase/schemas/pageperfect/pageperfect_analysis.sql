-- Everything an analysis found, as one value: the job's result, and the body of the report while it still runs.
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'page', (select jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at) || p.facts
      from public.pages as p where p.id = p_page_id),
    'crawl', (select jsonb_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1),
    'segments', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p_page_id),
    -- Its columns by name: a whole row would read the vector, megabytes for thousands of topics.
    'clusters', (select coalesce(jsonb_agg(to_jsonb(c) order by c.is_noise, c.impressions desc, c.id), '[]'::jsonb)
      from (
        select k.id, k.cluster_index, k.is_noise, k.label, k.medoid_query, k.terms, k.queries, k.size, k.cohesion,
          k.impressions, k.clicks, k.avg_position, k.best_segment_id, k.best_similarity, k.second_segment_id, k.second_similarity,
          k.is_gap, k.opportunity
        from public.keyword_clusters as k where k.page_id = p_page_id) as c),
    'recommendations', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rank', r.rank, 'cluster_id', r.cluster_id,
        'label', r.label, 'queries', k.queries, 'opportunity', r.opportunity, 'impressions', r.impressions, 'clicks', r.clicks,
        'avg_position', r.avg_position, 'best_similarity', r.best_similarity, 'second_similarity', r.second_similarity,
        'best_heading_path', e.heading_path, 'best_kind', e.kind, 'best_text', left(e.text, 400), 'best_css_path', e.css_path,
        'best_char_start', e.char_start, 'best_char_end', e.char_end) order by r.rank), '[]'::jsonb)
      from public.rewrite_recommendations as r
      join public.keyword_clusters as k on k.id = r.cluster_id
      left join public.page_embeddings as e on e.id = r.best_segment_id
      where r.page_id = p_page_id),
    'draft', (select d.draft || jsonb_build_object('recommendation_id', d.recommendation_id, 'label', d.label,
        'provider', d.provider, 'model', d.model)
      from public.rewrite_drafts as d where d.job_id = p_job_id),
    'parameters', jsonb_build_object(
      'eps', p_payload -> 'eps', 'min_points', p_payload -> 'min_points', 'max_cluster_size', p_payload -> 'max_cluster_size',
      'is_exact', p_payload -> 'is_exact',
      'left_out_keyword_count', p_payload -> 'left_out_keyword_count',
      'similarity_threshold', p_payload -> 'threshold', 'top', p_payload -> 'top',
      'model', (select e.model from public.page_embeddings as e where e.page_id = p_page_id limit 1),
      'dimensions', (select e.dimensions from public.page_embeddings as e where e.page_id = p_page_id limit 1)),
    'draft_skipped', p_payload -> 'draft_skipped',
    'usage', coalesce(p_payload -> 'usage', '{}'::jsonb),
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'::jsonb)
      from public.model_usage as u where u.job_id = p_job_id));
$$;

revoke execute on function pipeline.pageperfect_analysis(uuid, uuid, jsonb) from public, anon, authenticated;
