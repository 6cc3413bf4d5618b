\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select is(cancel_job('pageperfect', :'job') ->> 'cancelled', 'true', 'it is cancelled');
select is(tests.claim('submit_crawl'), null, 'nobody works on it');
select is(cancel_job('pageperfect', :'job') ->> 'cancelled', 'false', 'a second time changes nothing');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'its message is gone');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
