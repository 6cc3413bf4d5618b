-- The engine's clock. Tests set pageperfect.fake_now to travel in time; nothing else does.
create or replace function pipeline.now()
returns timestamptz
language plpgsql -- with a cached plan; Postgres before 18 plans a SQL function again in each transaction
volatile
set search_path = ''
as $$
begin
  return coalesce(
    nullif(current_setting('pageperfect.fake_now', true), '')::timestamptz,
    clock_timestamp()
  );
end;
$$;

revoke execute on function pipeline.now() from public, anon, authenticated;
grant execute on function pipeline.now() to service_role;

