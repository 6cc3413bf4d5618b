-- What the schedules need and have, one row a thing; advice is null where all is well.
create or replace function pipeline.check_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_extension text;
  v_secret text;
  v_has_cron boolean := to_regclass('cron.job') is not null;
  v_schedule record;
begin
  foreach v_extension in array array['pg_cron', 'pg_net', 'supabase_vault'] loop
    item := 'extension ' || v_extension;
    is_ready := exists (select from pg_catalog.pg_extension as e where e.extname = v_extension);
    advice := case when not is_ready then
      format('enable %s (Dashboard: Database, Extensions), then: select * from pipeline.install_schedules()', v_extension) end;
    return next;
  end loop;
  foreach v_secret in array array['project_url', 'pageperfect_secret_key'] loop
    item := 'vault secret ' || v_secret;
    is_ready := pipeline.vault_secret(v_secret) is not null;
    advice := case when not is_ready then
      'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')' end;
    return next;
  end loop;
  for v_schedule in select * from pipeline.wanted_schedules() loop
    item := 'schedule ' || v_schedule.name;
    is_ready := false;
    if v_has_cron then
      select exists (
        select from cron.job as j
        where j.jobname = v_schedule.name and j.schedule = v_schedule.schedule and j.command = v_schedule.command and j.active
      ) into is_ready;
    end if;
    advice := case when not is_ready then 'select * from pipeline.install_schedules()' end;
    return next;
  end loop;
end;
$$;

revoke execute on function pipeline.check_schedules() from public, anon, authenticated;
