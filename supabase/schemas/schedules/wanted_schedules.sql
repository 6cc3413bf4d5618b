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

-- The schedules as they should be. Times are UTC.
create or replace function pipeline.wanted_schedules()
returns table (name text, schedule text, command text)
language sql
stable
set search_path = ''
as $$
  values
    ('pageperfect-dispatcher', pipeline.every_seconds(10),
      'select pipeline.ring(''content-queue-dispatcher'') where pipeline.dispatcher_is_wanted()'),
    ('pageperfect-crawl', pipeline.every_seconds(30),
      'select pipeline.ring(''crawl-cron'') where exists (select from public.dispatch_plan(''fetch'') as d where d.stage = ''crawl'')'),
    -- New days come once a day; in between there is only an import to go on with that failed or was cut off.
    ('pageperfect-gsc-import', '*/5 * * * *',
      'select pipeline.ring(''pageperfect-gsc-import'')
       where pipeline.start_due_imports() > 0 or exists (select from public.dispatch_plan(''fetch'') as d where d.stage = ''gsc_import'')'),
    ('pageperfect-sites', '*/10 * * * *', 'select pipeline.start_due_sites()'),
    -- One bounded step a minute for an hour: no long transaction, and nothing to do once all is gone.
    ('pageperfect-retention', '* 3 * * *', 'select public.prune(), public.prune_crawls(), public.prune_embedding_cache()'),
    ('pageperfect-cron-history', '10 4 * * *',
      'delete from cron.job_run_details where end_time < now() - interval ''3 days''');
$$;

revoke execute on function pipeline.wanted_schedules() from public, anon, authenticated;
