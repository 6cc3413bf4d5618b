-- The schedules: what rings the dispatcher and the crawler when nobody else does, and what keeps the tables small.
--
-- pg_cron runs a schedule, pg_net sends its HTTP call after the commit, Vault holds the two secrets it needs:
--
--   project_url             https://<project ref>.supabase.co
--   pageperfect_secret_key  a secret key of the project (sb_secret_…), best one made for this and named so
--
-- A call is a doorbell: it may be lost or doubled, because the queue is the truth. Without the secrets a schedule
-- warns and does nothing; without an extension there are no schedules, and pipeline.check_schedules() says what is
-- missing. Whatever was missing, `select * from pipeline.install_schedules()` puts all in place once it is there.

-- The one order of times, in seconds: what begins a piece of work must outlast what it waits for. Leases
-- (stage_config.visibility_seconds) follow after http_timeout; a pgTAP test holds them all to it.
create or replace function pipeline.time_limits()
returns table (name text, seconds integer, meaning text)
language sql
immutable
set search_path = ''
as $$
  values
    ('function_budget', 120, 'an invocation of a worker has finished or given up by then'),
    ('http_timeout', 140, 'pg_net stops waiting for a function''s answer'),
    ('platform_limit', 150, 'Supabase ends a worker, and a request without an answer, on its smallest plan');
$$;

-- A secret from Vault; null when it, or Vault, is not there.
create or replace function pipeline.vault_secret(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('vault.decrypted_secrets') is null then
    return null;
  end if;
  return (select nullif(s.decrypted_secret, '') from vault.decrypted_secrets as s where s.name = p_name);
end;
$$;

-- Stores the two secrets, or replaces them: the way to rotate the key. Values never appear in an answer.
create or replace function pipeline.set_schedule_secrets(p_project_url text, p_secret_key text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  if p_project_url is null or p_project_url !~ '^https?://[^/?#[:space:]]+$' then
    raise exception 'the project URL must be like https://<project ref>.supabase.co, without a path'
      using errcode = '22023';
  end if;
  if coalesce(p_secret_key, '') = '' or p_secret_key ~ '^sb_publishable_' then
    raise exception 'the schedules need a secret key (sb_secret_…), not a publishable one' using errcode = '22023';
  end if;
  for v in
    select n.name, n.value, n.description, s.id
    from (values
      ('project_url', p_project_url, 'Where the schedules find the project''s functions'),
      ('pageperfect_secret_key', p_secret_key, 'The secret key the schedules call PagePerfect''s functions with')
    ) as n (name, value, description)
    left join vault.secrets as s on s.name = n.name
  loop
    if v.id is null then
      perform vault.create_secret(v.value, v.name, v.description);
    else
      perform vault.update_secret(v.id, v.value);
    end if;
  end loop;
end;
$$;

-- Rings a function of this project; returns pg_net's request id, or null with a warning when it cannot.
create or replace function pipeline.ring(p_function text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_url text := rtrim(pipeline.vault_secret('project_url'), '/');
  v_key text := pipeline.vault_secret('pageperfect_secret_key');
begin
  if v_url is null or v_key is null then
    raise warning 'pageperfect: % is not rung, Vault lacks %', p_function,
      concat_ws(' and ', case when v_url is null then 'project_url' end, case when v_key is null then 'pageperfect_secret_key' end)
      using hint = 'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')';
    return null;
  end if;
  return net.http_post(
    url := v_url || '/functions/v1/' || p_function,
    headers := jsonb_build_object('content-type', 'application/json', 'apikey', v_key),
    body := '{}'::jsonb,
    timeout_milliseconds := (select l.seconds * 1000 from pipeline.time_limits() as l where l.name = 'http_timeout')
  );
end;
$$;

-- Whether the dispatcher has anything to do: work within its limits, or a lease that ran out. Once a minute it is
-- rung regardless, for what its reaper finds and no count shows; an idle project thus costs few invocations.
create or replace function pipeline.dispatcher_is_wanted()
returns boolean
language sql
stable
set search_path = ''
as $$
  select extract(second from clock_timestamp()) < 10
    or exists (select from public.dispatch_plan())
    or exists (select from pipeline.job_stages as s where s.status = 'processing' and s.lease_expires_at <= pipeline.now());
$$;

-- The schedules as they should be. Times are UTC.
create or replace function pipeline.wanted_schedules()
returns table (name text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
    ('pageperfect-dispatcher', '10 seconds',
      'select pipeline.ring(''content-queue-dispatcher'') where pipeline.dispatcher_is_wanted()'),
    ('pageperfect-crawl', '30 seconds',
      'select pipeline.ring(''crawl-cron'') where public.pending_crawl_count() > 0'),
    -- New days come once a day; in between there is only an import to go on with that failed or was cut off.
    ('pageperfect-gsc-import', '*/5 * * * *',
      'select pipeline.ring(''pageperfect-gsc-import'') where public.pending_gsc_import_count() > 0'),
    -- One bounded step a minute for an hour: no long transaction, and nothing to do once all is gone.
    ('pageperfect-retention', '* 3 * * *', 'select public.prune(), public.prune_crawls(), public.prune_embedding_cache()'),
    ('pageperfect-cron-history', '10 4 * * *',
      'delete from cron.job_run_details where end_time < now() - interval ''3 days''');
$$;

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

revoke execute on all functions in schema pipeline from public, anon, authenticated;

do $$
declare
  v record;
begin
  for v in select * from pipeline.install_schedules() as s where not s.is_ready loop
    raise warning 'pageperfect: % is missing: %', v.item, v.advice;
  end loop;
end;
$$;
