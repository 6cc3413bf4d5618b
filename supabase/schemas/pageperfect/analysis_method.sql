-- How a job's findings were made: what its stages noted in the payload.
create or replace function pipeline.analysis_method(p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'name', 'cosine', 'model', e.model, 'dimensions', e.dimensions,
    'eps', p_payload -> 'eps', 'min_points', p_payload -> 'min_points', 'max_cluster_size', p_payload -> 'max_cluster_size',
    'threshold', p_payload -> 'threshold', 'unrelated_similarity', null, 'is_exact', p_payload -> 'is_exact',
    'left_out_query_count', coalesce(p_payload -> 'left_out_keyword_count', '0'::jsonb),
    'top', p_payload -> 'top', 'verified_by', p_payload -> 'verified_by')
    || coalesce(p_payload -> 'method', '{}'::jsonb)
  from (select) as one
  left join lateral (
    select e.model, e.dimensions from public.page_embeddings as e where e.page_id = p_page_id limit 1) as e on true;
$$;

revoke execute on function pipeline.analysis_method(uuid, jsonb) from public, anon, authenticated;
