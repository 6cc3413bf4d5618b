-- The analysed pages of a site's job after position p_after that lack p_part ('summary' or 'links'): {last, pages}, the position of the
-- last one, null when there are no more, and as text, which is for Rust, the JSON of an array of {id, url, title, page_type, language,
-- topics, edits, segments, links} (crates/site). Queries are counted over the job's period, and over the one before.
create or replace function public.site_page_inputs(p_job_id uuid, p_part text, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with pages as (
    select s.page_id, s.position, s.url, s.page_job_id, k.by_query
    from (
      select * from public.site_pages as s
      where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
        and case p_part when 'summary' then s.summary is null when 'links' then s.links is null end
      order by s.position limit p_limit) as s
    join pipeline.payloads as f on f.pipeline = 'site' and f.job_id = p_job_id and f.stage = 'select_pages'
    cross join lateral (
      select jsonb_object_agg(k.query, to_jsonb(k)) as by_query
      from pipeline.site_keywords(s.page_id, (f.data ->> 'period_end')::date, (f.data ->> 'period_days')::integer) as k) as k
  )
  select jsonb_build_object('last', max(s.position), 'pages', coalesce(jsonb_agg(jsonb_build_object(
    'id', s.page_id, 'url', s.url, 'title', coalesce(p.title, ''), 'language', p.language,
    'page_type', coalesce(j.result -> 'page' -> 'page_type' ->> 'type', ''),
    'topics', (
      select coalesce(jsonb_agg(jsonb_build_object('topic_index', t.id, 'label', t.label, 'kind', coalesce(t.kind, 'answered'),
          'intent', t.intent, 'queries', q.queries) order by t.id), '[]'::jsonb)
      from public.keyword_clusters as t
      cross join lateral (
        select coalesce(jsonb_agg(jsonb_build_object('query', q.q -> 'query',
            'impressions', coalesce(k.k -> 'impressions', q.q -> 'impressions'), 'clicks', coalesce(k.k -> 'clicks', q.q -> 'clicks'),
            -- Unknown: as far down as makes no difference.
            'position', coalesce((k.k ->> 'position')::double precision, (q.q ->> 'position')::double precision, 50),
            'coverage', coalesce((q.q ->> 'coverage')::double precision, 0), 'segment_id', q.q -> 'segment_id',
            'before', case when (k.k ->> 'impressions_before')::bigint > 0 then jsonb_build_object('impressions', k.k -> 'impressions_before',
              'clicks', k.k -> 'clicks_before', 'position', coalesce((k.k ->> 'position_before')::double precision, 50)) end) order by q.ordinality), '[]'::jsonb) as queries
        from jsonb_array_elements(coalesce(t.query_coverage, '[]'::jsonb)) with ordinality as q (q, ordinality)
        cross join lateral (select s.by_query -> (q.q ->> 'query') as k) as k) as q
      where t.page_id = s.page_id),
    'edits', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', coalesce(e.kind, 'write'), 'topic_index', e.cluster_id,
          'reason', coalesce(e.reason, ''), 'open_queries', coalesce(to_jsonb(e.open_queries), '[]'::jsonb),
          'expected_clicks', coalesce(e.expected_clicks, 0), 'confidence', coalesce(e.confidence, 0.5), 'place', e.place)
          order by e.rank), '[]'::jsonb)
      from public.rewrite_recommendations as e where e.page_id = s.page_id),
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = s.page_id),
    'links', case when p_part = 'links' then (
      select coalesce(jsonb_agg(distinct l.href[1]), '[]'::jsonb)
      from (select c.html from public.crawl_jobs as c where c.page_id = s.page_id and c.html is not null
        order by c.created_at desc limit 1) as c
      -- What stands in the page's own text: menus and footers lead everywhere.
      cross join lateral regexp_matches(
        regexp_replace(c.html, '<(nav|header|footer)[\s>].*?</\1>', '', 'gi'), '<a\s[^>]*?href\s*=\s*["'']([^"''#][^"'']*)', 'gi') as l (href))
      else '[]'::jsonb end)
    order by s.position), '[]'::jsonb)::text)
  from pages as s
  join public.pages as p on p.id = s.page_id
  join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id;
$$;

revoke execute on function public.site_page_inputs(uuid, text, integer, integer) from public, anon, authenticated;
