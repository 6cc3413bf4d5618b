-- Page jobs of one site's job that may be open at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.site_window()
returns integer
language sql
immutable
set search_path = ''
as $$ select 24 $$;

revoke execute on function pipeline.site_window() from public, anon, authenticated;
