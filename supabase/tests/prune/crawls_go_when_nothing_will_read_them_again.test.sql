\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as done \gset
select tests.commit(tests.claim_at(:'done', 'rewrite_draft'));
select tests.create_job('https://example.com/failed') as failed \gset
select tests.fail(tests.claim_at(:'failed', 'segment_embed'), 'dead_letter');
select is(prune_crawls(), 0, 'nothing is old yet');
select tests.travel('8 days');
select is(prune_crawls(), 1, 'the completed job''s crawl goes');
select is((select count(*)::integer from crawl_jobs where job_id = :'failed'), 1, 'a job that may be replayed keeps its crawl');
select is(get_pageperfect_report(:'done') -> 'job' ->> 'status', 'completed', 'the report stays');
select * from finish();
rollback;
