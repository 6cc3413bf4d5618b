\ir ../_shared/setup.sql
select plan(3);
select pgmq.send('pageperfect', '{"stage": "submit_crawl", "payload": {}}'::jsonb);
update pgmq.q_pageperfect set vt = pipeline.now();
select tests.claim('submit_crawl') as claim \gset
select is(:'claim'::jsonb -> 'job_id', 'null'::jsonb, 'it comes back without a job');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'it is off the queue');
select is((select count(*)::integer from pgmq.a_pageperfect), 1, 'and kept in the archive');
select * from finish();
rollback;
