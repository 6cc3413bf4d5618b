\ir ../_shared/setup.sql
select plan(6);
select tests.create_job() as job \gset
select tests.claim('submit_crawl') as claim \gset
select is(tests.fail(:'claim', 'retry', 30) ->> 'status', 'retry_scheduled', 'a retry is scheduled');
select is((tests.stage(:'job', 'submit_crawl')).next_retry_at, pipeline.now() + interval '30 seconds', 'after the delay that was decided');
select is(tests.claim('submit_crawl'), null, 'it is not given out before');
select tests.travel('30 seconds');
select is((tests.claim('submit_crawl') ->> 'attempt_count')::integer, 2, 'then as the second attempt');
select is(tests.fail(:'claim') ->> 'status', 'lease_lost', 'the first attempt has no say any more');
select is(tests.events(:'job'), 'created queued started retry_scheduled started', 'with its events');
select * from finish();
rollback;
