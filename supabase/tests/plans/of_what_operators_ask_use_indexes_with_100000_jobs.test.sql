\ir ../_shared/setup.sql
\ir ../_shared/rows_100000.sql
select plan(7);
select id as job from pageperfect_jobs limit 1 \gset
create function tests.reads_no_whole_table(p_what text, p_query text) returns setof text language sql as $$
  select doesnt_match(tests.plan_of(p_query), 'Seq Scan on pageperfect_|Seq Scan on q_', p_what || ': no table is read whole');
$$;
select tests.reads_no_whole_table('the status of a job', format('select * from v_pageperfect_job_status where job_id = %L', :'job'));
select tests.reads_no_whole_table('the newest jobs', 'select * from v_pageperfect_job_status limit 50');
select tests.reads_no_whole_table('the events of a job', format('select * from pageperfect_job_events where job_id = %L order by created_at desc', :'job'));
select tests.reads_no_whole_table('the stages of a job', format('select * from pageperfect_job_stages where job_id = %L', :'job'));
select tests.reads_no_whole_table('the backlog', 'select * from v_pageperfect_backlog');
select tests.reads_no_whole_table('what is in flight', 'select * from v_pageperfect_in_flight');
select tests.reads_no_whole_table('the dead letters', 'select * from pageperfect_dead_letters order by routed_at desc limit 50');
select * from finish();
rollback;
