\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
update pageperfect_job_stages set max_attempts = 2;
select tests.claim('submit_crawl', 60);
select tests.travel('61 seconds');
select tests.claim('submit_crawl', 60);
select tests.travel('61 seconds');
select is(tests.claim('submit_crawl', 60), null, 'a third attempt is not given');
select is((select failure_reason from pageperfect_dead_letters where job_id = :'job'), 'worker_died', 'it is a dead letter, with the reason');
select is((select status from pageperfect_jobs where id = :'job'), 'failed', 'the job failed');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'the queue is empty');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
