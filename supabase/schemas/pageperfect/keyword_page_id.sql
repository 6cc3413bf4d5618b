-- The page whose Search Console rows a page is analysed with: itself, or the project's page of its URL when it has none
-- and the project shares them.
create or replace function pipeline.keyword_page_id(p_page_id uuid)
returns uuid
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select project.id
     from public.pages as p
     join public.pages as project on project.url = p.url and project.owner_id is null
     join pipeline.owner_policies as u on u.role = 'user'
     where p.id = p_page_id and u.shares_search_console
       and not exists (select 1 from public.gsc_page_query as g where g.page_id = p_page_id)),
    p_page_id);
$$;

revoke execute on function pipeline.keyword_page_id(uuid) from public, anon, authenticated;
