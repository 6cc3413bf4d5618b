-- gap_analysis by measured coverage: what each topic is to the page, and what to do about it (crates/advice).
create or replace function pipeline.commit_advice(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.keyword_clusters as k
  set kind = t.kind, coverage = t.coverage, confidence = t.confidence, intent = t.intent, expected_clicks = t.expected_clicks,
      opportunity = t.opportunity, is_gap = t.is_gap, best_segment_id = t.best_segment_id, best_similarity = t.coverage,
      second_segment_id = t.second_segment_id, query_coverage = t.queries, measured = null
  from jsonb_to_recordset(p_output -> 'topics') as t (
    id bigint, kind text, coverage double precision, confidence double precision, intent text, expected_clicks double precision,
    opportunity double precision, is_gap boolean, best_segment_id bigint, second_segment_id bigint, queries jsonb)
  where k.id = t.id and k.page_id = p_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_output -> 'topics') then
    -- Another job replaced the topics meanwhile; the retry judges the new ones.
    raise exception 'the topics of page % were replaced while they were judged', p_lease.page_id using errcode = '40001';
  end if;

  delete from public.rewrite_recommendations where page_id = p_lease.page_id;
  insert into public.rewrite_recommendations (
    page_id, job_id, cluster_id, rank, label, kind, priority, reason, open_queries, expected_clicks, opportunity, impressions,
    clicks, avg_position, threshold, coverage, confidence, place, best_segment_id, best_similarity)
  select p_lease.page_id, p_lease.job_id, k.id, e.rank, k.label, e.kind, e.priority, e.reason, e.open_queries, e.expected_clicks,
    e.opportunity, e.impressions::bigint, e.clicks::bigint, e.avg_position, (p_output ->> 'threshold')::double precision,
    e.coverage, e.confidence, e.place, k.best_segment_id, e.coverage
  from jsonb_to_recordset(p_output -> 'edits') as e (
    topic_id bigint, rank integer, kind text, priority text, reason text, open_queries text[], expected_clicks double precision,
    opportunity double precision, impressions numeric, clicks numeric, avg_position double precision,
    coverage double precision, confidence double precision, place jsonb)
  join public.keyword_clusters as k on k.id = e.topic_id and k.page_id = p_lease.page_id;
  perform pipeline.drop_unfinished(p_lease);
  return pipeline.finish_stage(p_lease, jsonb_build_object(
    'gap_count', (select count(*) from jsonb_array_elements(p_output -> 'edits') as e (edit) where e.edit ->> 'kind' <> 'improve'),
    'threshold', p_output -> 'threshold', 'top', p_output -> 'top',
    'method', jsonb_build_object('name', 'calibrated', 'ctr_curve', p_output -> 'ctr_curve', 'period_days', p_output -> 'period_days',
      'target_position', p_output -> 'target_position', 'warnings', coalesce(p_output -> 'warnings', '[]'::jsonb))));
end;
$$;

revoke execute on function pipeline.commit_advice(pipeline.lease, jsonb) from public, anon, authenticated;
