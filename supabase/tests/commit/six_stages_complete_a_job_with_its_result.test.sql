\ir ../_shared/setup.sql
select plan(7);
select tests.create_job() as job \gset
select tests.commit(tests.claim_at(:'job', 'rewrite_draft'));
select is((select status from pageperfect_jobs where id = :'job'), 'completed', 'the job is completed');
select is((select count(*)::integer from pageperfect_job_stages where job_id = :'job' and status = 'completed'), 6, 'six stages are');
select is((select result -> 'drafts' -> 0 ->> 'heading' from pageperfect_jobs where id = :'job'), 'More', 'the result holds the draft');
select is((select jsonb_array_length(result -> 'edits') from pageperfect_jobs where id = :'job'), 1, 'and the gaps');
select is((select count(*)::integer from keyword_clusters where is_noise), 1, 'noise is kept and marked');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'the queue is empty');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
