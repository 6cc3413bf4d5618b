\ir ../_shared/setup.sql
select plan(6);
select tests.create_job('https://example.com/page', 7) as job \gset
select tests.claim('submit_crawl') as claim \gset
select is(tests.commit(:'claim') ->> 'next_stage', 'wait_crawl', 'the next stage is named');
select is((tests.stage(:'job', 'submit_crawl')).status, 'completed', 'the stage is done');
select is((select count(*)::integer from crawl_jobs where job_id = :'job' and status = 'pending'), 1, 'its output row is there');
select is((select data ->> 'crawl_job_id' from pageperfect_payloads where job_id = :'job'), (select id::text from crawl_jobs where job_id = :'job'), 'its facts are in the payload');
select results_eq('select message ->> ''stage'', (message ->> ''priority'')::integer from pgmq.q_pageperfect', $$values ('wait_crawl', 7)$$, 'one message, with the job''s priority');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
