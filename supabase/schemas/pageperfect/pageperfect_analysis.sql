-- Everything an analysis found, as one value: the job's result, and the body of the report while it still runs
-- (docs/report-schema; cli/report/result.ts).
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  with found as materialized (
    select pipeline.analysis_topics(p_page_id, coalesce((p_payload ->> 'threshold')::double precision, 0.7)) as topics,
      pipeline.analysis_edits(p_page_id, coalesce((p_payload ->> 'top')::integer, 10)) as edits
  )
  select jsonb_build_object(
    'schema_version', 2,
    'page', (select jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at) || p.facts
      from public.pages as p where p.id = p_page_id),
    'method', pipeline.analysis_method(p_page_id, p_payload),
    'summary', pipeline.analysis_summary(f.topics, f.edits),
    'segments', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p_page_id),
    'topics', f.topics,
    'edits', f.edits,
    'drafts', pipeline.analysis_drafts(p_job_id),
    'draft_skipped', p_payload -> 'draft_skipped',
    'usage', coalesce(p_payload -> 'usage', '{}'::jsonb),
    -- Users are not told: what a job did not have to pay for, others had embedded.
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'::jsonb)
      from public.model_usage as u
      join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = u.job_id
      where u.job_id = p_job_id and j.user_id is null),
    'crawl', (select jsonb_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1))
  from found as f;
$$;

revoke execute on function pipeline.pageperfect_analysis(uuid, uuid, jsonb) from public, anon, authenticated;
