-- All of a page in its order, as drafts for it are asked for (crates/draft, desk).
create or replace function pipeline.desk_segments(p_page_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
    order by e.position), '[]'::jsonb)
  from public.page_embeddings as e where e.page_id = p_page_id;
$$;

revoke execute on function pipeline.desk_segments(uuid) from public, anon, authenticated;
