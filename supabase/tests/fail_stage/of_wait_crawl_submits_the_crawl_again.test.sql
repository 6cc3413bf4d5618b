\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as claim \gset
select claim_crawl_jobs(1, 60) -> 0 as crawl \gset
select fail_crawl((:'crawl'::jsonb ->> 'id')::uuid, 1, '{"message": "503", "retryable": true}', 'dead_letter');
select is((select status from crawl_jobs), 'failed', 'the crawl failed for good');
select tests.fail(:'claim', 'retry', 10);
select is((select status from crawl_jobs), 'pending', 'the retry submits it again');
select is(claim_crawl_jobs(1, 60), '[]', 'after the delay');
select tests.travel('10 seconds');
select is((claim_crawl_jobs(1, 60) -> 0 ->> 'attempt_count')::integer, 2, 'with a new fencing token');
select * from finish();
rollback;
