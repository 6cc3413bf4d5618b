\ir ../_shared/setup.sql
select plan(3);
select seconds as budget from pipeline.time_limits() where name = 'function_budget' \gset
select seconds as http from pipeline.time_limits() where name = 'http_timeout' \gset
select seconds as platform from pipeline.time_limits() where name = 'platform_limit' \gset
select cmp_ok(:budget, '<', :http, 'a function ends before pg_net stops waiting for it');
select cmp_ok(:http, '<', :platform, 'pg_net stops waiting before the platform ends the request');
select is_empty('select pipeline, stage from pipeline.stage_config where max_attempts < 2',
  'a lease that runs out is followed by another before the stage is given up');
select * from finish();
rollback;
