create or replace function public.commit_keyword_clustering(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'keyword_clustering', p_msg_id, p_read_ct);
  v_count integer;
  v_noise_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if exists (
    select 1 from public.page_embeddings as e
    where e.page_id = v_lease.page_id
      and (e.model, e.dimensions) is distinct from (p_output ->> 'model', (p_output ->> 'dimensions')::integer)
  ) then
    return pipeline.go_back(v_lease, 'segment_embed', format('the embedding model became %s', p_output ->> 'model'));
  end if;
  delete from public.keyword_clusters where page_id = v_lease.page_id;
  insert into public.keyword_clusters (
    page_id, job_id, cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion,
    impressions, clicks, avg_position, model, dimensions, centroid, measured, apart)
  select v_lease.page_id, v_lease.job_id, c.cluster_index, c.is_noise, c.label, c.medoid_query, coalesce(c.terms, '{}'), c.queries,
    c.size, c.cohesion, c.impressions::bigint, c.clicks::bigint, c.avg_position,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(c.centroid::extensions.vector, v.vector),
    c.query_coverage, c.kind
  from rows from (jsonb_to_recordset(p_output -> 'clusters') as (
    cluster_index integer, is_noise boolean, label text, medoid_query text, terms text[], queries text[], size integer,
    cohesion double precision, impressions numeric, clicks numeric, avg_position double precision, centroid text,
    query_coverage jsonb, kind text))
    with ordinality as c (
    cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion, impressions, clicks, avg_position,
    centroid, query_coverage, kind, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = c.ordinality - 1
    and v.digest = p_output ->> 'digest'
  order by c.ordinality;
  perform pipeline.drop_unfinished(v_lease);
  select count(*) filter (where not k.is_noise), count(*) filter (where k.is_noise) into v_count, v_noise_count
  from public.keyword_clusters as k where k.page_id = v_lease.page_id;
  return pipeline.finish_stage(v_lease,
    jsonb_build_object('cluster_count', v_count, 'noise_count', v_noise_count,
      'eps', p_output -> 'eps', 'min_points', p_output -> 'min_points', 'max_cluster_size', p_output -> 'max_cluster_size',
      'is_exact', p_output -> 'is_exact',
      'left_out_keyword_count', coalesce((p_output ->> 'left_out_count')::integer, 0))
    || pipeline.usage_fact(v_lease, p_output));
end;
$$;

revoke execute on function public.commit_keyword_clustering(bigint, integer, jsonb) from public, anon, authenticated;
