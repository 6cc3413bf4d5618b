\ir ../_shared/setup.sql
select plan(26);
select gen_random_uuid() as reader, gen_random_uuid() as stranger, gen_random_uuid() as owner \gset
insert into auth.users (id, email) values (:'reader', 'reader@example.com'), (:'stranger', 'stranger@example.com'), (:'owner', 'owner@example.com');
insert into access.members (user_id, role) values (:'reader', 'reader');
select create_pageperfect_job('{"url": "https://example.com/1"}', :'owner') ->> 'job_id' as job \gset
select create_pageperfect_job('{"url": "https://example.com/2"}') ->> 'job_id' as failed \gset
select tests.claim_at(:'failed', 'gap_analysis') as lease \gset
select fail_stage('pageperfect', (:'lease'::jsonb ->> 'msg_id')::bigint, (:'lease'::jsonb ->> 'read_ct')::integer, '{"message": "broken"}', 'dead_letter', 0, 'broken');
select id as letter from pageperfect_dead_letters \gset
select create_site_job('{"site": {"urls": ["https://example.com/"]}}') ->> 'job_id' as site \gset

set local role authenticated;
select set_config('request.jwt.claims', json_build_object('sub', :'reader', 'role', 'authenticated', 'email', 'reader@example.com')::text, true);
select is(whoami() ->> 'role', 'reader', 'the reader is one');
select is((list_jobs() ->> 'total_count')::integer, 2, 'sees everybody''s jobs');
select is((select count(*)::integer from pageperfect_jobs), 2, 'in the tables as well');
select is((select count(*)::integer from pageperfect_dead_letters), 1, 'and the dead letters');
select is((list_dead_letters() ->> 'total_count')::integer, 1, 'which are counted by reason');
select is(get_job_timeline('pageperfect', :'job') -> 'job' ->> 'url', 'https://example.com/1', 'the timeline of a job');
select is(get_report(:'job') -> 'job' ->> 'id', :'job', 'its report');
select isnt(get_operations() -> 'stages', null, 'the state of the queue');
select isnt(get_operations() -> 'schedules', null, 'and of the schedules');
select is(get_site_outcomes(:'site'), '[]', 'what a site''s edits have brought');
select throws_ok(format('select retry_own_site_job(%L)', :'site'), '42501', null, 'may not try a site''s pages again');
select throws_ok($$select replay_matching('{}', 1)$$, '42501', null, 'may not replay');
select throws_ok(format('select replay_letter(%L, %s)', 'pageperfect', :'letter'), '42501', null, 'not even one');
select throws_ok($$select cancel_matching('{}', 1)$$, '42501', null, 'may not cancel');
select throws_ok(format('select cancel_own_job(%L, %L)', 'pageperfect', :'job'), '42501', null, 'nor one job of another');
select throws_ok($$select set_stages_enabled('pageperfect', null, false)$$, '42501', null, 'may not pause');
select throws_ok(format('select decide_edit(%L, 1, %L)', :'job', 'accepted'), '42501', null, 'may not decide');
select throws_ok($$select set_member('stranger@example.com', 'operator')$$, '42501', null, 'may not make members');
select throws_ok($$select * from access.members$$, '42501', null, 'nor read or write the table of them');
select throws_ok($$update pageperfect_jobs set status = 'cancelled'$$, '42501', null, 'nor change a job by hand');
select throws_ok($$select replay_dead_letter('pageperfect', 1)$$, '42501', null, 'nor call what operators'' functions call');

select set_config('request.jwt.claims', json_build_object('sub', :'stranger', 'role', 'authenticated')::text, true);
select is((list_jobs() ->> 'total_count')::integer, 0, 'who is no member sees none of them');
select throws_ok(format('select get_report(%L)', :'job'), 'P0002', null, 'and no report');
select throws_ok(format('select get_site_outcomes(%L)', :'site'), 'P0002', null, 'and no site');
select throws_ok(format('select retry_own_site_job(%L)', :'site'), 'P0002', null, 'nor tries its pages again');
select throws_ok($$select get_operations()$$, '42501', null, 'and not the queue');
reset role;
select * from finish();
rollback;
