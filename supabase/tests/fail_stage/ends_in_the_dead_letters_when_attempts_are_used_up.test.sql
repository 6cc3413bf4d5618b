\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
update pageperfect_job_stages set max_attempts = 1;
select is(tests.fail(tests.claim('submit_crawl')) ->> 'status', 'dead_lettered', 'a retry that may not be is a dead letter');
select is((select failure_reason from pageperfect_dead_letters), 'max_attempts_exceeded', 'with the reason');
select is((select error ->> 'message' from pageperfect_jobs where id = :'job'), 'boom', 'the job shows the error');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
