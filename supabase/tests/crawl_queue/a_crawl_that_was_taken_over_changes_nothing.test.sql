\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl');
select tests.claim_crawl() as stale \gset
select is(tests.claim_crawl(), null, 'a running crawl is not given out twice');
select tests.travel('61 seconds');
select tests.claim_crawl() as fresh \gset
select is((select attempt_count from crawl_jobs), 2, 'one that went silent is');
select is(commit_crawl(tests.msg(:'stale'), tests.ct(:'stale'), '{"html": "old"}') ->> 'status', 'lease_lost', 'the silent one is too late');
select is(commit_crawl(tests.msg(:'fresh'), tests.ct(:'fresh'), '{"html": "new"}') ->> 'status', 'committed', 'the new one counts');
select is((select status || ' ' || html from crawl_jobs), 'completed new', 'and stands in the row');
select * from finish();
rollback;
