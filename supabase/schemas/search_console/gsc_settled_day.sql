-- The newest day whose figures no longer change. Search Console counts days in Pacific time and settles within three.
create or replace function public.gsc_settled_day()
returns date
language sql
volatile
security invoker
set search_path = ''
as $$
  select (pipeline.now() at time zone 'America/Los_Angeles')::date - 3;
$$;

revoke execute on function public.gsc_settled_day() from public, anon, authenticated;
