-- A page that may answer other pages' queries: {title, language, segments, queries}, its own queries with the most impressions to
-- measure by.
create or replace function public.site_candidate_page(p_page_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('title', coalesce(p.title, ''), 'language', p.language,
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p.id),
    'queries', (
      select coalesce(jsonb_agg(to_jsonb(k)), '[]'::jsonb)
      from (select k.query, k.impressions, k.clicks, k.position from pipeline.page_keywords(p.id) as k limit 50) as k))
  from public.pages as p where p.id = p_page_id;
$$;

revoke execute on function public.site_candidate_page(uuid) from public, anon, authenticated;
