-- The segments of a page that come nearest to one of its topics, nearest first: an array of ids.
create or replace function pipeline.nearest_segments(p_page_id uuid, p_topic_id bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(n.id), '[]'::jsonb) from (
    select e.id
    from public.page_embeddings as e
    join public.keyword_clusters as k on k.id = p_topic_id
    where e.page_id = p_page_id and e.model = k.model and e.dimensions = k.dimensions
    order by e.embedding operator(extensions.<=>) k.centroid, e.position
    limit 16) as n;
$$;

revoke execute on function pipeline.nearest_segments(uuid, bigint) from public, anon, authenticated;
