-- Claims and heartbeats stay on their page (HOT): an index on vt, status or stage would make each of them leave dead
-- entries in every index until the next vacuum.
\ir ../_shared/setup.sql
select plan(2);
select tests.create_job('https://example.com/1');
create function tests.moved_rows(p_table text) returns bigint language sql as $$
  select n_tup_upd - n_tup_hot_upd from pg_stat_xact_all_tables where relname = p_table;
$$;
select tests.moved_rows('q_pageperfect') as messages, tests.moved_rows('pageperfect_jobs') as jobs \gset
select tests.claim('submit_crawl') as claim \gset
select extend_lease('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 60);
select is(tests.moved_rows('q_pageperfect') - :messages, 0::bigint, 'the message stayed');
select is(tests.moved_rows('pageperfect_jobs') - :jobs, 0::bigint, 'the job stayed');
select * from finish();
rollback;
