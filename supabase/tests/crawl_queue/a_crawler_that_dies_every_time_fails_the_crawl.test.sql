\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as wait \gset
select tests.claim_crawl();
select tests.travel('61 seconds');
select tests.claim_crawl();
select tests.travel('61 seconds');
select is(tests.claim_crawl(), null, 'two silent deaths end it');
select is((select status || ' ' || (error ->> 'code') from crawl_jobs), 'failed worker_died', 'with the reason');
select isnt((tests.stage(:'job', 'wait_crawl')).wake_requested_at, null, 'and who waits is told');
select * from finish();
rollback;
