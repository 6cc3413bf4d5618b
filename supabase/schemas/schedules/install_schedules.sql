-- Makes what is missing, as far as the database offers it, and answers what check_schedules then finds. Safe to
-- repeat: a schedule is known by its name.
create or replace function pipeline.install_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  for v in
    select w.name, w.command
    from (values
      ('pg_cron', 'create extension if not exists pg_cron'),
      ('pg_net', 'create extension if not exists pg_net with schema extensions'),
      ('supabase_vault', 'create extension if not exists supabase_vault')
    ) as w (name, command)
    join pg_catalog.pg_available_extensions as a on a.name = w.name
    where a.installed_version is null
  loop
    begin
      execute v.command;
    exception when others then
      raise warning 'pageperfect: extension % could not be enabled: %', v.name, sqlerrm;
    end;
  end loop;

  if to_regclass('cron.job') is not null and to_regclass('net.http_request_queue') is not null then
    for v in select * from pipeline.wanted_schedules() loop
      perform cron.schedule(v.name, v.schedule, v.command);
    end loop;
  end if;
  return query select * from pipeline.check_schedules();
end;
$$;

revoke execute on function pipeline.install_schedules() from public, anon, authenticated;
