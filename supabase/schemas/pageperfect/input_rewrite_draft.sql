-- What rewrite_draft needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_rewrite_draft(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_recommendation public.rewrite_recommendations;
begin
  select * into v_recommendation from public.rewrite_recommendations as r
  where r.page_id = v_job.page_id order by r.rank limit 1;
  return jsonb_build_object(
    'generate_draft', coalesce((v_job.payload ->> 'generate_draft')::boolean, true),
    'recommendation_id', v_recommendation.id,
    'prompt_input', case when v_recommendation.id is not null then jsonb_build_object(
      'page', (select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language, 'headings', (
                 select coalesce(jsonb_agg(e.text order by e.position), '[]'::jsonb) from public.page_embeddings as e
                 where e.page_id = p.id and e.kind = 'heading'),
                 -- What the page itself says nearest to the topic: the facts a draft may use.
                 'excerpts', (select coalesce(jsonb_agg(n.text), '[]'::jsonb) from (
                   select left(e.text, 600) as text
                   from public.page_embeddings as e
                   join public.keyword_clusters as k on k.id = v_recommendation.cluster_id
                   where e.page_id = p.id and e.kind <> 'heading' and e.model = k.model and e.dimensions = k.dimensions
                   order by e.embedding operator(extensions.<=>) k.centroid, e.position
                   limit 12) as n))
               from public.pages as p where p.id = v_job.page_id),
      'recommendation', (select jsonb_build_object(
                 'label', v_recommendation.label, 'queries', to_jsonb(k.queries), 'impressions', v_recommendation.impressions,
                 'best_similarity', v_recommendation.best_similarity,
                 -- A heading is the last step of its own section's path.
                 'best_heading_path', coalesce(to_jsonb(
                   case when e.kind = 'heading' then e.heading_path || e.text else e.heading_path end), '[]'::jsonb),
                 'best_text', coalesce(e.text, ''))
               from public.keyword_clusters as k
               left join public.page_embeddings as e on e.id = v_recommendation.best_segment_id
               where k.id = v_recommendation.cluster_id)) end);
end;
$$;

revoke execute on function public.input_rewrite_draft(uuid) from public, anon, authenticated;
grant execute on function public.input_rewrite_draft(uuid) to service_role;
