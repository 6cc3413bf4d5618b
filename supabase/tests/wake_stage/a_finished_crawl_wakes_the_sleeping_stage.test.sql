\ir ../_shared/setup.sql
select plan(2);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as claim \gset
select defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60);
select is(tests.claim('wait_crawl'), null, 'it sleeps');
select claim_crawl_jobs(1, 60) -> 0 as crawl \gset
select complete_crawl((:'crawl'::jsonb ->> 'id')::uuid, 1, '{"html": "<p>x</p>"}');
select isnt(tests.claim('wait_crawl'), null, 'and is awake at once');
select * from finish();
rollback;
