-- What the API serves of access.list_pages, which checks the caller.
create or replace function public.list_pages(p_search text default null, p_limit integer default 100)
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.list_pages(p_search, p_limit) $$;

revoke execute on function public.list_pages(text, integer) from public, anon, authenticated;
grant execute on function public.list_pages(text, integer) to authenticated, service_role;
