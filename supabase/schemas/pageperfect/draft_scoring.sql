-- What drafts for a page are scored beside, which gives the scale: the model that it was embedded with, and what else it is asked; the
-- most asked will do.
create or replace function pipeline.draft_scoring(p_page_id uuid, p_threshold double precision)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'model', (select e.model from public.page_embeddings as e where e.page_id = p_page_id limit 1),
    'queries', (
      select coalesce(jsonb_agg(jsonb_build_object('query', q.query, 'impressions', q.impressions, 'clicks', q.clicks,
        'position', coalesce(q.position, 0)) order by q.impressions desc, q.query), '[]'::jsonb)
      from (
        select q.query, q.impressions, q.clicks, q.position
        from pipeline.page_topics(p_page_id, p_threshold) as t
        cross join jsonb_to_recordset(t.queries) as q (
          query text, impressions double precision, clicks double precision, position double precision)
        where t.kind not in ('brand', 'navigation', 'unrelated')
        order by q.impressions desc, q.query
        limit 200) as q));
$$;

revoke execute on function pipeline.draft_scoring(uuid, double precision) from public, anon, authenticated;
