-- A schedule of that many seconds; each minute where pg_cron is older than 1.5 and knows no seconds.
create or replace function pipeline.every_seconds(p_seconds integer)
returns text
language sql
stable
set search_path = ''
as $$
  select case when string_to_array(e.extversion, '.')::integer[] < array[1, 5] then '* * * * *' else p_seconds || ' seconds' end
  from (select (select x.extversion from pg_catalog.pg_extension as x where x.extname = 'pg_cron')) as e (extversion);
$$;

revoke execute on function pipeline.every_seconds(integer) from public, anon, authenticated;
