\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim('submit_crawl', 60) as claim \gset
select is(:'claim'::jsonb ->> 'job_id', :'job', 'the claim names the job');
select is((tests.stage(:'job', 'submit_crawl')).status, 'processing', 'the stage runs');
select is((tests.stage(:'job', 'submit_crawl')).attempt_count, 1, 'one attempt is counted');
select is((tests.stage(:'job', 'submit_crawl')).lease_expires_at, pipeline.now() + interval '60 seconds', 'the lease is the visibility timeout');
select is(tests.events(:'job'), 'created queued started', 'each transition left its event');
select * from finish();
rollback;
