\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select tests.claim('submit_crawl', 60);
delete from pgmq.q_pageperfect;
select tests.travel('61 seconds');
select is((reap_expired_leases() ->> 'resent_count')::integer, 1, 'a message that vanished is sent again');
select is(tests.claim('submit_crawl') -> 'payload' ->> 'url', 'https://example.com/page', 'with its payload');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
