\ir ../_shared/setup.sql
select plan(7);
set local client_min_messages = error;
drop extension pg_cron cascade;
drop extension pg_net cascade;
drop extension supabase_vault cascade;
select current_setting('extension_control_path') as path \gset

-- As on a database that does not offer them.
set local extension_control_path = '$system';
select lives_ok($$select * from pipeline.install_schedules()$$, 'without them nothing fails');
\ir ../../migrations/20251016130000_schedules.sql
select pass('and the migration applies');
select is((select count(*)::integer from pipeline.check_schedules() where not is_ready and advice is not null), 9, 'the check says what to do');
select is(pipeline.ring('crawl-cron'), null, 'a ring is quiet');

select set_config('extension_control_path', :'path', true) as path \gset
select is((select count(*)::integer from pipeline.install_schedules() where not is_ready), 2, 'then only the secrets are missing');
select pipeline.set_schedule_secrets('https://project.example', 'sb_secret_x');
select is((select count(*)::integer from pipeline.install_schedules() where not is_ready), 0, 'then nothing');
select is((select count(*)::integer from cron.job where jobname like 'pageperfect-%'), 4, 'and a repeat makes no second schedule');
select * from finish();
rollback;
