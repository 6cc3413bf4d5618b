-- Takes PagePerfect out of a database in one statement, all or nothing: schedules, queues, functions, views, tables with their
-- rows, secrets. Tables that the project had before stay, with their rows and without the columns that they were given.
-- Extensions stay as well: something else may use them by now. supabase/schema.ts puts the names in.
do $pageperfect$
declare
  v record;
  v_column text;
begin
  perform set_config('search_path', '', true);
  perform set_config('lock_timeout', '20s', true);
  perform set_config('client_min_messages', 'warning', true);
  if to_regclass('pipeline.objects') is null then
    raise exception 'there is no PagePerfect in this database, or one that is older than its ledger: deploy once, then remove'
      using errcode = '55000';
  end if;
  if to_regclass('cron.job') is not null then
    perform cron.unschedule(j.jobname) from cron.job as j
    where j.jobname in (select w.name from pipeline.wanted_schedules() as w);
  end if;
  for v in select p.queue from pipeline.pipelines as p loop
    perform pgmq.drop_queue(v.queue);
  end loop;
  if to_regclass('vault.secrets') is not null then
    delete from vault.secrets as s where s.name = 'pageperfect_secret_key'
      or (s.name = 'project_url' and s.description = 'Where the schedules find the project''s functions');
  end if;

  for v in select o.identity from pipeline.objects as o where o.identity like 'view %' loop
    execute replace(v.identity, 'view ', 'drop view if exists ') || ' cascade';
  end loop;
  for v in
    select t.name, a.added_columns, a.name is not null as is_adopted
    from unnest(array[/* table_names */]::text[]) as t (name)
    left join pipeline.adopted_tables as a on a.name = t.name
    where to_regclass(format('public.%I', t.name)) is not null
  loop
    if not v.is_adopted then
      execute format('drop table public.%I cascade', v.name);
      continue;
    end if;
    foreach v_column in array v.added_columns loop
      execute format('alter table public.%I drop column if exists %I cascade', v.name, v_column);
    end loop;
    execute format('drop policy if exists "Users read their own pages" on public.%I', v.name);
    execute format('drop policy if exists "Users read what belongs to their own pages" on public.%I', v.name);
  end loop;
  for v in select o.identity from pipeline.objects as o where o.identity like 'function public.%' loop
    execute replace(v.identity, 'function ', 'drop function if exists ') || ' cascade';
  end loop;
  for v in select s.name from unnest(array[/* schemas */]::text[]) as s (name) loop
    execute format('drop schema if exists %I cascade', v.name);
  end loop;

  -- A history that names our migrations would keep a later `supabase db push` from making them again.
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    execute $$delete from supabase_migrations.schema_migrations where version || '_' || name || '.sql' = any ($1)$$
      using array[/* migration_names */]::text[];
  end if;
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;
