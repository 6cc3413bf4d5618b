-- Plans are kept for a connection's life: one made while the queue was empty read it whole when it had grown.
\ir ../_shared/setup.sql
select plan(2);
update pipeline.stage_config set max_concurrency = 100;
analyze pgmq.q_pageperfect, pipeline.jobs, pipeline.job_stages;
select count(tests.create_job('https://example.com/' || i)) from generate_series(1, 10) as i;
select count(tests.claim('submit_crawl')) from generate_series(1, 8);
select count(pipeline.send_message('pageperfect', '{"stage": "gap_analysis", "priority": 9}', '2020-01-01')) from generate_series(1, 20000);
create function tests.rows_read() returns bigint language sql as $$
  select sum(seq_tup_read + idx_tup_fetch)::bigint from pg_stat_xact_all_tables where relname = 'q_pageperfect';
$$;
select tests.rows_read() as before \gset
select isnt(tests.claim('submit_crawl'), null, 'a claim among 20,000 messages of another stage');
select cmp_ok(tests.rows_read() - :before, '<', 100::bigint, 'reads few of them');
select * from finish();
rollback;
