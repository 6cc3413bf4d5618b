-- These functions build their queries themselves; what they read is seen in the statistics of their own transaction.
\ir ../_shared/setup.sql
\ir ../_shared/rows_100000.sql
select plan(5);
insert into pgmq.q_pageperfect (vt, message)
select '2030-01-01', pipeline.put_to_sleep('{"job_id": null, "stage": "wait_crawl"}', '2030-01-01', '2026-01-01') from generate_series(1, 10000);
analyze pgmq.q_pageperfect;
create function tests.rows_read() returns bigint language sql as $$
  select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_all_tables
  where relname like 'pageperfect%' or relname like 'q_%';
$$;
select tests.rows_read() as before \gset
select is((select count(*)::integer from dispatch_plan()), 1, 'one stage has work');
select cmp_ok(tests.rows_read() - :before, '<', 100::bigint, 'the plan counts no further than it needs');
select tests.rows_read() as before \gset
update pipeline.pipelines set mended_at = pipeline.now(); -- what is mended is looked for twice a minute
select reap_expired_leases();
select cmp_ok(tests.rows_read() - :before, '<', 100::bigint, 'the reaper reads no more than what has expired');
select tests.rows_read() as before \gset
select is(tests.claim('wait_crawl'), null, 'sleeping messages are not claimed');
select cmp_ok(tests.rows_read() - :before, '<', 100::bigint, 'nor read');
select * from finish();
rollback;
