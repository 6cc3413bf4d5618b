-- What keyword_clustering needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_keyword_clustering(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
begin
  return (select jsonb_build_object(
    'page_id', v_job.page_id,
    'eps', coalesce((v_parameters ->> 'eps')::double precision, 0.3),
    'min_points', coalesce((v_parameters ->> 'min_points')::integer, 2),
    'max_cluster_size', (v_parameters ->> 'max_cluster_size')::integer,
    'exact', coalesce((v_parameters ->> 'exact')::boolean, false),
    'method', coalesce(v_parameters ->> 'method', 'calibrated'),
    'facts', (
      select jsonb_build_object('url', p.url, 'canonical_url', p.canonical_url, 'title', p.title, 'language', p.language,
        'site_name', to_jsonb(p) #> '{facts,site_name}', 'brand', coalesce(v_parameters -> 'brand', '[]'::jsonb))
      from public.pages as p where p.id = v_job.page_id),
    'segment_model', (select e.model from public.page_embeddings as e where e.page_id = v_job.page_id limit 1),
    -- Their vectors come in chunks, through get_vectors.
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e
      where e.page_id = v_job.page_id and coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'),
    'keywords', coalesce(jsonb_agg(k.keyword order by k.place) filter (where k.place <= pipeline.max_keywords()), '[]'::jsonb),
    'left_out_count', count(*) filter (where k.place > pipeline.max_keywords()))
  from (
    select to_jsonb(k) - 'ordinality' as keyword, k.ordinality as place
    from pipeline.page_keywords(v_job.page_id) with ordinality as k) as k);
end;
$$;

revoke execute on function public.input_keyword_clustering(uuid) from public, anon, authenticated;
