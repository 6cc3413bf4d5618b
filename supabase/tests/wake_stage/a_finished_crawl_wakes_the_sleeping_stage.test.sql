\ir ../_shared/setup.sql
select plan(2);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl') as claim \gset
select defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60);
select is(tests.claim('wait_crawl'), null, 'it sleeps');
select tests.claim_crawl() as crawl \gset
select commit_crawl(tests.msg(:'crawl'), 1, '{"html": "<p>x</p>"}');
select isnt(tests.claim('wait_crawl'), null, 'and is awake at once');
select * from finish();
rollback;
