\ir ../_shared/setup.sql
select plan(3);
select tests.create_job('https://example.com/1') as job \gset
select tests.fail(tests.claim('submit_crawl'), 'retry', 10);
select is_empty('select * from dispatch_plan()', 'a retry that waits triggers nobody');
select tests.travel('11 seconds');
select results_eq('select stage, trigger_count from dispatch_plan()', $$values ('submit_crawl', 1)$$, 'one whose time has come does');
select is(tests.claim('submit_crawl') ->> 'job_id', :'job', 'and it is there to be claimed');
select * from finish();
rollback;
