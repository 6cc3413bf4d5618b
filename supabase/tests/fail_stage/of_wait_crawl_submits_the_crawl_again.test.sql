\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as claim \gset
select tests.claim_crawl() as crawl \gset
select fail_stage('fetch', tests.msg(:'crawl'), 1, '{"message": "503", "retryable": true}', 'dead_letter', 0, 'http_503');
select is((select status from crawl_jobs), 'failed', 'the crawl failed for good');
select tests.fail(:'claim', 'retry', 10);
select is((select status from crawl_jobs), 'pending', 'the retry submits it again');
select is(tests.claim_crawl(), null, 'after the delay');
select tests.travel('10 seconds');
select is(tests.claim_crawl() ->> 'attempt_count', '1', 'with fresh attempts');
select is((select attempt_count from crawl_jobs), 2, 'counted on in the crawl''s row');
select * from finish();
rollback;
