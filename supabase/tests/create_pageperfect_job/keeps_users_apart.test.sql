\ir ../_shared/setup.sql
select plan(9);
select gen_random_uuid() as mine, gen_random_uuid() as theirs \gset
select create_pageperfect_job('{"url": "https://example.com/1", "keywords": [{"query": "project", "impressions": 10, "clicks": 1, "position": 3}]}') as projects \gset
select create_pageperfect_job('{"url": "https://example.com/1"}', :'mine') as one \gset
select create_pageperfect_job('{"url": "https://example.com/1", "keywords": [{"query": "theirs", "impressions": 10, "clicks": 1, "position": 3}]}', :'theirs') as two \gset
select is((select count(distinct page_id)::integer from pageperfect_jobs), 3, 'one URL, a page for each');
select is(create_pageperfect_job('{"url": "https://example.com/1"}', :'mine') ->> 'page_id', :'one'::jsonb ->> 'page_id', 'which stays the same');
select is(jsonb_array_length(input_keyword_clustering((:'one'::jsonb ->> 'job_id')::uuid) -> 'keywords'), 0, 'nobody''s keywords are another''s');
update pipeline.owner_policies set shares_search_console = true where role = 'user';
select is(input_keyword_clustering((:'one'::jsonb ->> 'job_id')::uuid) -> 'keywords' -> 0 ->> 'query', 'project', 'unless the project shares its own');
select is(input_keyword_clustering((:'two'::jsonb ->> 'job_id')::uuid) -> 'keywords' -> 0 ->> 'query', 'theirs', 'with those who brought none');
select throws_ok(format('select create_pageperfect_job(%L, %L)', jsonb_build_object('page_id', :'two'::jsonb ->> 'page_id'), :'mine'), 'P0002', null, 'another''s page is no page');
select is(create_pageperfect_job(jsonb_build_object('page_id', :'two'::jsonb ->> 'page_id')) ->> 'page_id', :'two'::jsonb ->> 'page_id', 'but to the service');
update pipeline.owner_policies set max_open_jobs = 2 where role = 'user';
select throws_ok(format('select create_pageperfect_job(%L, %L)', '{"url": "https://example.com/2"}', :'mine'), '53400', null, 'a user''s open jobs are limited');
select cancel_job('pageperfect', (:'one'::jsonb ->> 'job_id')::uuid);
select lives_ok(format('select create_pageperfect_job(%L, %L)', '{"url": "https://example.com/2"}', :'mine'), 'ended ones do not count');
select * from finish();
rollback;
