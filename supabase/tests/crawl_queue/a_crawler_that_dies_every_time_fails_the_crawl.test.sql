\ir ../_shared/setup.sql
select plan(2);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl');
update crawl_jobs set max_attempts = 1;
select claim_crawl_jobs(1, 60);
select tests.travel('61 seconds');
select claim_crawl_jobs(1, 60);
select is((select status from crawl_jobs), 'failed', 'it is failed');
select is((select error ->> 'code' from crawl_jobs), 'crawler_died', 'with the reason');
select * from finish();
rollback;
