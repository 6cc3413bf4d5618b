\ir ../_shared/setup.sql
select plan(1);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as claim \gset
select tests.claim_crawl() as crawl \gset
select commit_crawl(tests.msg(:'crawl'), 1, '{"html": "<p>x</p>"}');
-- the worker had looked before the crawl finished, and now goes to sleep
select defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60);
select isnt(tests.claim('wait_crawl'), null, 'it does not sleep');
select * from finish();
rollback;
