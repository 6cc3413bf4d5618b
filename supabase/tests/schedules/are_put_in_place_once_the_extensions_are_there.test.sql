\ir ../_shared/setup.sql
select plan(6);
set local client_min_messages = error;
drop extension pg_cron cascade;
drop extension pg_net cascade;
drop extension supabase_vault cascade;
select is((select count(*)::integer from pipeline.check_schedules() where not is_ready and advice is not null), 11,
  'the check says of each thing what to do');
select is(pipeline.ring('crawl-cron'), null, 'a ring is quiet');

select is((select count(*)::integer from pipeline.install_schedules() where not is_ready), 2,
  'where the database offers the extensions only the secrets are left to give');
select pipeline.set_schedule_secrets('https://project.example', 'sb_secret_x');
select is((select count(*)::integer from pipeline.install_schedules() where not is_ready), 0, 'then all is in place');
\ir ../../schemas/4_schedules.sql
select pass('they are made again');
select is((select count(*)::integer from cron.job where jobname like 'pageperfect-%'), 6, 'and makes no schedule twice');
select * from finish();
rollback;
