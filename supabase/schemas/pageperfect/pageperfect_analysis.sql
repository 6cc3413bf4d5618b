-- Everything an analysis found, a row a part of the report: the job's result, and the body of the report while it still runs
-- (docs/report-schema; cli/report/result.ts). Parts are json: as jsonb the topics of a large page would be copied level by level.
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns table (key text, value json)
language sql
stable
set search_path = ''
as $$
  with topics as materialized (
    select * from pipeline.page_topics(p_page_id, coalesce((p_payload ->> 'threshold')::double precision, 0.7))
  ), queries as materialized (
    select t.kind not in ('brand', 'navigation', 'unrelated') as is_asked, q.*
    from topics as t
    cross join jsonb_to_recordset(t.queries) as q (variants jsonb, impressions bigint, clicks bigint, is_answered boolean)
  ), found as materialized (
    select pipeline.analysis_edits(p_page_id, coalesce((p_payload ->> 'top')::integer, 10)) as edits
  )
  select part.key, part.value
  from found as f
  cross join lateral (values
    ('schema_version', to_json(2)),
    ('page', (select to_json(jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at) || p.facts)
      from public.pages as p where p.id = p_page_id)),
    ('method', to_json(pipeline.analysis_method(p_page_id, p_payload))),
    ('summary', json_build_object(
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
        from jsonb_to_recordset(f.edits) as e (expected_clicks double precision)))),
    ('segments', (select coalesce(json_agg(json_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]')
      from public.page_embeddings as e where e.page_id = p_page_id)),
    ('topics', (select coalesce(json_agg(t order by t.impressions desc, t.id), '[]') from topics as t)),
    ('edits', to_json(f.edits)),
    ('drafts', to_json(pipeline.analysis_drafts(p_job_id))),
    ('draft_skipped', to_json(p_payload -> 'draft_skipped')),
    ('usage', to_json(coalesce(p_payload -> 'usage', '{}'))),
    -- Users are not told: what a job did not have to pay for, others had embedded.
    ('costs', (select to_json(coalesce(
        jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'))
      from public.model_usage as u
      join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = u.job_id
      where u.job_id = p_job_id and j.user_id is null)),
    ('crawl', (select json_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1))
  ) as part (key, value);
$$;

revoke execute on function pipeline.pageperfect_analysis(uuid, uuid, jsonb) from public, anon, authenticated;
