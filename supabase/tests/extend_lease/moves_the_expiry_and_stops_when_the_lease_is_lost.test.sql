\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim('submit_crawl', 60) as claim \gset
select tests.travel('50 seconds');
select ok(extend_lease('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60), 'the holder extends');
select tests.travel('50 seconds');
select is(tests.claim('submit_crawl'), null, 'nobody else gets it');
select is((tests.stage(:'job', 'submit_crawl')).lease_expires_at, pipeline.now() + interval '10 seconds', 'the lease ends later');
select tests.travel('11 seconds');
select tests.claim('submit_crawl', 60);
select ok(not extend_lease('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60), 'a lost lease cannot be extended');
select * from finish();
rollback;
