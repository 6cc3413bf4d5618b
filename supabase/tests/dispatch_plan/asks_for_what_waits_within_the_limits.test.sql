\ir ../_shared/setup.sql
select plan(4);
select is_empty('select * from dispatch_plan()', 'an idle system triggers nobody');
update pipeline.stage_config set max_concurrency = 2, trigger_batch_size = 5 where pipeline = 'pageperfect' and stage = 'submit_crawl';
select count(tests.create_job('https://example.com/' || i)) from generate_series(1, 4) as i;
select results_eq('select stage, worker, trigger_count from dispatch_plan()', $$values ('submit_crawl', 'pageperfect-submit-crawl-worker', 2)$$, 'as many as may run');
select tests.claim('submit_crawl');
select results_eq('select trigger_count from dispatch_plan(''pageperfect'')', $$values (1)$$, 'less those that run');
update pipeline.stage_config set enabled = false where stage = 'submit_crawl';
select is_empty('select * from dispatch_plan()', 'a disabled stage rests');
select * from finish();
rollback;
