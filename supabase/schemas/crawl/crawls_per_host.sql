-- How many crawls of one host go on at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.crawls_per_host()
returns integer
language sql
immutable
set search_path = ''
as $$ select 2 $$;

revoke execute on function pipeline.crawls_per_host() from public, anon, authenticated;
