\ir ../_shared/setup.sql
select plan(3);
delete from vault.secrets;
set local client_min_messages = error;
select count(*) as queued from net.http_request_queue \gset
select is(pipeline.ring('crawl-cron'), null, 'nothing is rung and nothing raised');
select is((select count(*) from net.http_request_queue), :queued::bigint, 'no request is queued');
select results_eq($$select item from pipeline.check_schedules() where not is_ready order by 1$$,
  array['vault secret pageperfect_secret_key', 'vault secret project_url'], 'the check names what is missing');
select * from finish();
rollback;
