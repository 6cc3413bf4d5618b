-- A page as drafts for it are asked for (crates/draft, desk).
create or replace function pipeline.desk_page(p_page_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language) from public.pages as p where p.id = p_page_id;
$$;

revoke execute on function pipeline.desk_page(uuid) from public, anon, authenticated;
