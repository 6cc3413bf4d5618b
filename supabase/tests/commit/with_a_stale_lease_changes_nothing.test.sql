\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim('submit_crawl', 60) as stale \gset
select tests.travel('61 seconds');
select tests.claim('submit_crawl', 60) as fresh \gset
select is(tests.commit(:'stale') ->> 'status', 'lease_lost', 'the late worker is told');
select is((select count(*)::integer from crawl_jobs), 0, 'and wrote nothing');
select is(tests.commit(:'fresh') ->> 'status', 'committed', 'the holder commits');
select is(tests.commit(:'fresh') ->> 'status', 'lease_lost', 'once');
select is((select count(*)::integer from crawl_jobs), 1, 'one output row');
select * from finish();
rollback;
