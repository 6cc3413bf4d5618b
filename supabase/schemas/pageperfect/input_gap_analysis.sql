-- What gap_analysis needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_gap_analysis(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  v_model text;
  v_dimensions integer;
  v_is_measured boolean;
begin
  select k.model, k.dimensions into v_model, v_dimensions
  from public.keyword_clusters as k where k.page_id = v_job.page_id limit 1;
  if exists (
    select 1 from public.page_embeddings as e
    where e.page_id = v_job.page_id and (e.model, e.dimensions) is distinct from (v_model, v_dimensions)
  ) and v_model is not null then
    -- A job with another model is at work on the page; its clusters come next.
    raise exception 'page % has segments and clusters of different embedding models', v_job.page_id using errcode = '55000';
  end if;
  select coalesce(bool_and(k.measured is not null), false) into v_is_measured
  from public.keyword_clusters as k where k.page_id = v_job.page_id;
  -- With method cosine the vectors come in chunks, through get_vectors.
  return jsonb_build_object(
    'method', case when v_is_measured then 'calibrated' else 'cosine' end, 'model', v_model, 'dimensions', v_dimensions,
    'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
    'top', coalesce((v_parameters ->> 'top')::integer, 10),
    -- Only vectors of one model are ever compared.
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind) || case when v_is_measured then jsonb_build_object(
          'heading_path', e.heading_path, 'text', case when e.kind = 'heading' then e.text else '' end) else '{}' end
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e
      where e.page_id = v_job.page_id and e.model = v_model and e.dimensions = v_dimensions))
    || case when v_is_measured then jsonb_build_object(
      'language', (select p.language from public.pages as p where p.id = v_job.page_id),
      -- Of dated rows the days from the first to the last.
      'period_days', coalesce((v_parameters ->> 'period_days')::integer, (
        select max(g.date) - min(g.date) + 1
        from public.gsc_page_query as g
        where g.page_id = (select pipeline.keyword_page_id(v_job.page_id)) and g.date is not null)),
      'topics', (
        select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'label', k.label, 'kind', k.apart, 'queries', k.measured)
          order by k.id), '[]'::jsonb)
        from public.keyword_clusters as k where k.page_id = v_job.page_id))
    else jsonb_build_object('clusters', (
      select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'is_noise', k.is_noise,
        'impressions', k.impressions, 'avg_position', k.avg_position) order by k.id), '[]'::jsonb)
      from public.keyword_clusters as k where k.page_id = v_job.page_id)) end;
end;
$$;

revoke execute on function public.input_gap_analysis(uuid) from public, anon, authenticated;
