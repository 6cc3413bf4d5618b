-- How many of a page's keywords are analysed, those with the most impressions. With more, reading their vectors takes an
-- invocation's whole CPU time (docs/architecture.md, Budget). Yours to replace; an upgrade puts the default back.
create or replace function pipeline.max_keywords()
returns integer
language sql
immutable
set search_path = ''
as $$ select 10000 $$;

revoke execute on function pipeline.max_keywords() from public, anon, authenticated;
