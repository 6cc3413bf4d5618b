\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select pgmq.send('pageperfect', jsonb_build_object('job_id', :'job', 'stage', 'submit_crawl', 'payload', '{}'::jsonb));
update pgmq.q_pageperfect set vt = pipeline.now();
select isnt(tests.claim('submit_crawl'), null, 'the stage''s own message is claimed');
select is(tests.claim('submit_crawl'), null, 'a copy of it is not');
select is((select count(*)::integer from pgmq.a_pageperfect), 1, 'the copy is archived');
select * from finish();
rollback;
