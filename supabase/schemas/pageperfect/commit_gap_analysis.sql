create or replace function public.commit_gap_analysis(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'gap_analysis', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if p_output ->> 'method' = 'calibrated' then
    return pipeline.commit_advice(v_lease, p_output);
  end if;
  update public.keyword_clusters as k
  set best_segment_id = m.best_segment_id, best_similarity = m.best_similarity,
      second_segment_id = m.second_segment_id, second_similarity = m.second_similarity,
      is_gap = m.is_gap, opportunity = m.opportunity
  from jsonb_to_recordset(p_output -> 'coverage') as m (
    cluster_id bigint, best_segment_id bigint, best_similarity double precision, second_segment_id bigint,
    second_similarity double precision, is_gap boolean, opportunity double precision)
  where k.id = m.cluster_id and k.page_id = v_lease.page_id;

  delete from public.rewrite_recommendations where page_id = v_lease.page_id;
  insert into public.rewrite_recommendations (
    page_id, job_id, cluster_id, rank, label, opportunity, impressions, clicks, avg_position, threshold,
    best_segment_id, best_similarity, second_similarity)
  select v_lease.page_id, v_lease.job_id, k.id, m.rank, k.label, m.opportunity, k.impressions, k.clicks, k.avg_position,
    (p_output ->> 'threshold')::double precision, m.best_segment_id, m.best_similarity, m.second_similarity
  from jsonb_to_recordset(p_output -> 'recommendations') as m (
    cluster_id bigint, rank integer, opportunity double precision, best_segment_id bigint,
    best_similarity double precision, second_similarity double precision)
  join public.keyword_clusters as k on k.id = m.cluster_id and k.page_id = v_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_output -> 'recommendations') then
    -- Another job replaced the clusters meanwhile; the retry scores the new ones.
    raise exception 'the clusters of page % were replaced while they were scored', v_lease.page_id using errcode = '40001';
  end if;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('gap_count', v_count, 'threshold', p_output -> 'threshold', 'top', p_output -> 'top'));
end;
$$;

revoke execute on function public.commit_gap_analysis(bigint, integer, jsonb) from public, anon, authenticated;
