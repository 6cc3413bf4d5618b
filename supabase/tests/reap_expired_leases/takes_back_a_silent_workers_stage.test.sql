\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim('submit_crawl', 60);
select is((reap_expired_leases() ->> 'reaped_count')::integer, 0, 'a living lease is left alone');
select tests.travel('61 seconds');
select is((reap_expired_leases() ->> 'reaped_count')::integer, 1, 'an expired one is taken back');
select is((tests.stage(:'job', 'submit_crawl')).status, 'queued', 'the stage waits again');
select is(tests.events(:'job'), 'created queued started lease_expired', 'with an event');
select * from finish();
rollback;
