\ir ../_shared/setup.sql
select plan(2);
select pgmq.send('pageperfect', '{"hello": "world"}'::jsonb);
update pgmq.q_pageperfect set vt = pipeline.now();
select reap_expired_leases();
select is((select failure_reason from pageperfect_dead_letters), 'unreadable_message', 'they are dead letters');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'and off the queue');
select * from finish();
rollback;
