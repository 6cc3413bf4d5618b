\ir ../_shared/setup.sql
select plan(4);
select tests.create_job('https://example.com/1', 0, '{"idempotency_key": "k"}') as one \gset
select is(tests.create_job('https://example.com/1', 0, '{"idempotency_key": "k"}')::text, :'one', 'the same key gives the same job');
select is((select count(*)::integer from pgmq.q_pageperfect), 1, 'and one message');
select isnt(tests.create_job('https://example.com/1', 0, '{"idempotency_key": "l"}')::text, :'one', 'another key another job');
select isnt((create_pageperfect_job('{"url": "https://example.com/1", "idempotency_key": "k"}', gen_random_uuid()) ->> 'job_id'), :'one', 'another user''s key is another key');
select * from finish();
rollback;
