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
    'scoring', case when coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'
      then pipeline.draft_scoring(v_job.page_id, v_threshold) end,
    'desk', jsonb_build_object(
      'page', pipeline.desk_page(v_job.page_id),
      'segments', pipeline.desk_segments(v_job.page_id),
      'edits', (select coalesce(jsonb_agg(d.edit || jsonb_build_object(
          'nearest', pipeline.nearest_segments(v_job.page_id, (d.edit ->> 'topic_id')::bigint)) order by d.ordinality), '[]'::jsonb)
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
