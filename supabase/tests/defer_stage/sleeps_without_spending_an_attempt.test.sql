\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim('submit_crawl') as claim \gset
select is(defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 20, 'not yet', '{"poll_count": 1}') ->> 'status', 'deferred', 'it sleeps');
select is((tests.stage(:'job', 'submit_crawl')).attempt_count, 0, 'the attempt is given back');
select tests.travel('20 seconds');
select tests.claim('submit_crawl') as again \gset
select is((:'again'::jsonb ->> 'attempt_count')::integer, 1, 'the next claim is the first attempt again');
select is(:'again'::jsonb -> 'payload' ->> 'poll_count', '1', 'what it noted came along');
select * from finish();
rollback;
