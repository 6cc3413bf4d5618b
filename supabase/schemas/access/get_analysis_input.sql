-- What the stages of a job that the caller may see compute from, for a what-if on the same wasm: {clustering, gaps}, as
-- input_keyword_clustering and input_gap_analysis give it, without what the first of them finds. Null when a later job has replaced the
-- page's segments.
create or replace function access.get_analysis_input(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job('pageperfect', p_job_id);
  v_page_id uuid := v_job.page_id;
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}');
  v_clustering jsonb;
begin
  if not exists (select from public.page_embeddings as e where e.page_id = v_page_id and e.job_id = p_job_id) then
    return null;
  end if;
  v_clustering := public.input_keyword_clustering(p_job_id);
  return jsonb_build_object('clustering', v_clustering, 'gaps', (
    select jsonb_build_object('model', e.model, 'dimensions', e.dimensions,
      'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
      'top', coalesce((v_parameters ->> 'top')::integer, 10),
      'language', v_clustering -> 'facts' ->> 'language',
      'period_days', coalesce((v_parameters ->> 'period_days')::integer, (
        select max(g.date) - min(g.date) + 1
        from public.gsc_page_query as g
        where g.page_id = (select pipeline.keyword_page_id(v_page_id)) and g.date is not null)),
      'segments', (
        select coalesce(jsonb_agg(s.segment || jsonb_build_object('text',
          case when s.segment ->> 'kind' = 'heading' then s.segment ->> 'text' else '' end) order by s.n), '[]'::jsonb)
        from jsonb_array_elements(v_clustering -> 'segments') with ordinality as s (segment, n)))
    from public.page_embeddings as e where e.page_id = v_page_id limit 1));
end;
$$;

revoke execute on function access.get_analysis_input(uuid) from public, anon, authenticated;
grant execute on function access.get_analysis_input(uuid) to authenticated, service_role;
