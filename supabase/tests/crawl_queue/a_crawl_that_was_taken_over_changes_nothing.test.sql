\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl');
select claim_crawl_jobs(1, 60) -> 0 as stale \gset
select is(claim_crawl_jobs(1, 60), '[]', 'a running crawl is not given out twice');
select tests.travel('61 seconds');
select claim_crawl_jobs(1, 60) -> 0 as fresh \gset
select is((:'fresh'::jsonb ->> 'attempt_count')::integer, 2, 'one that went silent is');
select is(complete_crawl((:'stale'::jsonb ->> 'id')::uuid, 1, '{"html": "old"}') ->> 'status', 'lease_lost', 'the silent one is too late');
select is(complete_crawl((:'fresh'::jsonb ->> 'id')::uuid, 2, '{"html": "new"}') ->> 'status', 'completed', 'the new one counts');
select * from finish();
rollback;
