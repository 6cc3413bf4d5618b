\ir ../_shared/setup.sql
select plan(6);
update pipeline.stage_config set max_concurrency = 10;
select tests.create_job('https://example.com/1') as retried \gset
select tests.create_job('https://example.com/2') as second \gset
select tests.fail(tests.claim('submit_crawl'), 'retry', 10);
select is((select count(*)::integer from pgmq.q_pageperfect where message ? 'asleep'), 1, 'a delayed retry sleeps');
select tests.travel('10 seconds');
select is(tests.claim('submit_crawl') ->> 'job_id', :'retried', 'at its time, to the second, it has its old place in line');
select is_empty('select 1 from pgmq.q_pageperfect where message ? ''asleep''', 'and nothing of its sleep is left');
select is(tests.claim('submit_crawl') ->> 'job_id', :'second', 'the next follows');

-- Delayed by hand, without the key by which the engine knows its own.
insert into pageperfect_jobs (id, stage) values ('00000000-0000-0000-0000-000000000001', 'submit_crawl');
select pgmq.send('pageperfect', '{"job_id": "00000000-0000-0000-0000-000000000001", "stage": "submit_crawl"}', pipeline.now() + interval '10 seconds');
select is(tests.claim('submit_crawl'), null, 'a message delayed by pgmq.send waits');
select tests.travel('10 seconds');
select is(tests.claim('submit_crawl') ->> 'job_id', '00000000-0000-0000-0000-000000000001', 'and is served at its time');
select * from finish();
rollback;
