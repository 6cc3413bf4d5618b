\ir ../_shared/setup.sql
select plan(3);
select gen_random_uuid() as mine, gen_random_uuid() as theirs \gset
select create_pageperfect_job('{"url": "https://example.com/1"}', :'mine') ->> 'job_id' as job \gset
select create_pageperfect_job('{"url": "https://example.com/2"}', :'theirs');
select set_config('request.jwt.claims', json_build_object('sub', :'mine', 'role', 'authenticated')::text, true);
set local role authenticated;
select results_eq('select id::text from public.pageperfect_jobs', array[:'job'], 'one job, the user''s own');
select is((select count(*)::integer from public.pageperfect_job_events where job_id <> :'job'), 0, 'no event of another');
select throws_ok('select count(*) from public.gsc_page_query', '42501', null, 'and no site table');
reset role;
select * from finish();
rollback;
