-- What rewrite_draft needs to begin its work (shapes: docs/architecture.md; crates/draft, desk): the page, the ranked
-- recommendations with those held in reserve, their topics, and the passages that come nearest to each.
create or replace function public.input_rewrite_draft(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_payload jsonb := v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}'::jsonb);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  v_threshold double precision := coalesce((v_payload ->> 'threshold')::double precision, 0.7);
  v_edits jsonb := pipeline.analysis_edits(v_job.page_id, null);
begin
  return (with topics as materialized (select * from pipeline.page_topics(v_job.page_id, v_threshold))
  select jsonb_build_object(
    'generate_draft', coalesce((v_job.payload ->> 'generate_draft')::boolean, true),
    'verify', (v_parameters ->> 'verify')::boolean,
    -- Drafts are scored beside what else the page is asked, which gives the scale; the most asked will do.
    'scoring', case when coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated' then jsonb_build_object(
      'model', (select e.model from public.page_embeddings as e where e.page_id = v_job.page_id limit 1),
      'queries', (
        select coalesce(jsonb_agg(jsonb_build_object('query', q.query, 'impressions', q.impressions, 'clicks', q.clicks,
          'position', coalesce(q.position, 0)) order by q.impressions desc, q.query), '[]'::jsonb)
        from (
          select q.query, q.impressions, q.clicks, q.position
          from topics as t
          cross join jsonb_to_recordset(t.queries) as q (
            query text, impressions double precision, clicks double precision, position double precision)
          where t.kind not in ('brand', 'navigation', 'unrelated')
          order by q.impressions desc, q.query
          limit 200) as q)) end,
    'desk', jsonb_build_object(
      'page', (select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language)
        from public.pages as p where p.id = v_job.page_id),
      'segments', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path,
          'text', e.text) order by e.position), '[]'::jsonb)
        from public.page_embeddings as e where e.page_id = v_job.page_id),
      'edits', (select coalesce(jsonb_agg(d.edit || jsonb_build_object('nearest', (
          select coalesce(jsonb_agg(n.id), '[]'::jsonb) from (
            select e.id
            from public.page_embeddings as e
            join public.keyword_clusters as k on k.id = (d.edit ->> 'topic_id')::bigint
            where e.page_id = v_job.page_id and e.model = k.model and e.dimensions = k.dimensions
            order by e.embedding operator(extensions.<=>) k.centroid, e.position
            limit 16) as n)) order by d.ordinality), '[]'::jsonb)
        from jsonb_array_elements(v_edits) with ordinality as d (edit, ordinality)),
      'topics', (select coalesce(jsonb_agg(to_jsonb(t) order by t.impressions desc, t.id), '[]'::jsonb)
        from topics as t
        where t.id in (select (d.edit ->> 'topic_id')::bigint from jsonb_array_elements(v_edits) as d (edit))),
      'top', coalesce((v_payload ->> 'top')::integer, 10),
      'threshold', v_threshold,
      'draft_count', coalesce((v_parameters ->> 'drafts')::integer, 1),
      'form', coalesce(v_parameters ->> 'draft_form', 'text'))));
end;
$$;

revoke execute on function public.input_rewrite_draft(uuid) from public, anon, authenticated;
