\ir ../_shared/setup.sql
select plan(13);
select gen_random_uuid() as mine, gen_random_uuid() as theirs \gset
select create_pageperfect_job('{"url": "https://example.com/1", "keywords": [{"query": "a", "impressions": 10, "clicks": 1, "position": 3}]}', :'mine') ->> 'job_id' as job \gset
select tests.commit(tests.claim_at(:'job', 'rewrite_draft'));
select create_pageperfect_job('{"url": "https://example.com/1"}', :'theirs') ->> 'job_id' as other \gset
select tests.commit(tests.claim_at(:'other', 'rewrite_draft'));
select create_pageperfect_job('{"url": "https://example.com/1"}') ->> 'job_id' as projects \gset
select tests.commit(tests.claim_at(:'projects', 'rewrite_draft'));
select is((select count(*)::integer from pages), 3, 'a page of each');
select is((select count(*)::integer from rewrite_drafts), 3, 'and a draft');
select set_config('request.jwt.claims', json_build_object('sub', :'mine', 'role', 'authenticated')::text, true);
set local role authenticated;
select results_eq('select id::text from public.pageperfect_jobs', array[:'job'], 'one job, the user''s own');
select is((select count(*)::integer from public.pageperfect_job_events where job_id <> :'job'), 0, 'no event of another');
select is((select count(*)::integer from public.pages), 1, 'one page');
select is((select count(*)::integer from public.gsc_page_query), 1, 'their keywords');
select is((select count(*)::integer from public.page_embeddings), 2, 'the segments of one page');
select is((select count(*)::integer from public.keyword_clusters), 2, 'its clusters');
select is((select count(*)::integer from public.rewrite_recommendations), 1, 'its recommendation');
select is((select count(*)::integer from public.rewrite_drafts), 1, 'its draft');
select is((select html_length from public.crawl_jobs), 14, 'its crawl');
select throws_ok('select html from public.crawl_jobs', '42501', null, 'but not the HTML');
select throws_ok('select count(*) from public.embedding_cache', '42501', null, 'and nothing else');
reset role;
select * from finish();
rollback;
