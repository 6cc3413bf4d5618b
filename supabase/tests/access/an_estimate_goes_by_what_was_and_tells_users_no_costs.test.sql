\ir ../_shared/setup.sql
select plan(11);
select gen_random_uuid() as mine \gset
select set_config('request.jwt.claims', '{"role": "service_role"}', true);
select is(get_estimate('{"url": "https://example.com/1"}') - 'query_count', '{"page_count": 1, "job_count": 0, "seconds": null, "tokens": null, "usd": null}'::jsonb,
  'before the first analysis nothing is known');
select create_pageperfect_job('{"url": "https://example.com/1", "keywords": [{"query": "a", "impressions": 10, "clicks": 1, "position": 3}]}') ->> 'job_id' as job \gset
select tests.commit(tests.claim_at(:'job', 'rewrite_draft'));
delete from model_usage where job_id = :'job';
update pageperfect_jobs set result = '{"summary": {"query_count": 4}, "drafts": [{}, {}]}' where id = :'job';
insert into model_usage (job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
values (:'job', 'segment_embed', 'p', 'm', 1, 100, 0, 0.01), (:'job', 'keyword_clustering', 'p', 'm', 1, 40, 0, 0.004),
  (:'job', 'rewrite_draft', 'p', 'm', 2, 150, 50, 0.2), (:'job', 'editing', 'p', 'm', 9, 999, 0, 9);
select is(get_estimate('{"url": "https://example.com/1"}') ->> 'query_count', '1', 'the stored queries of a page are counted');
select is(get_estimate('{"keyword_count": 8, "parameters": {"drafts": 3}}') ->> 'tokens', '480', 'the page, twice the queries, three drafts for two');
select is((get_estimate('{"keyword_count": 8, "parameters": {"drafts": 3}}') ->> 'usd')::numeric, 0.318, 'and so the dollars');
select is((get_estimate('{"keyword_count": 4, "generate_draft": false}') ->> 'usd')::numeric, 0.014, 'without drafts the page and its queries');
select is((get_estimate('{"site": {"urls": ["a", "b", "c"]}, "max_pages": 2}') ->> 'usd')::numeric, 0.228, 'a site: its pages, as many as may be');
select is((get_estimate('{"site": {"urls": ["a", "b", "c"]}, "max_pages": 2, "drafts": 5}') ->> 'usd')::numeric, 1.228,
  'and drafts of its plan, as page jobs'' went');
select is(get_estimate('{"site": {"sitemap": "https://example.com/sitemap.xml"}, "max_pages": 2}') ->> 'page_count', null, 'what a sitemap names is not known');
select is(get_estimate('{"site": {"property": "sc-domain:example.com"}}') ->> 'page_count', '1', 'a property''s pages are those with rows');
select set_config('request.jwt.claims', json_build_object('sub', :'mine', 'role', 'authenticated')::text, true);
set local role authenticated;
select is(get_estimate('{"keyword_count": 8}'),
  '{"page_count": 1, "query_count": 8, "job_count": 0, "seconds": null, "tokens": null, "usd": null}'::jsonb, 'users learn nothing of others');
reset role;
update pipeline.jobs set user_id = :'mine' where id = :'job';
set local role authenticated;
select is(get_estimate('{"keyword_count": 8}') - 'seconds', '{"page_count": 1, "query_count": 8, "job_count": 1, "tokens": null, "usd": null}'::jsonb,
  'and how long by their own analyses');
reset role;
select * from finish();
rollback;
