\ir ../_shared/setup.sql
select plan(4);
select tests.create_job('https://example.com/1') as one \gset
select tests.commit(tests.claim_at(:'one', 'segment_embed'));
select tests.create_job('https://example.com/2') as two \gset
select tests.commit(tests.claim_at(:'two', 'segment_embed'));
select is((select count(*)::integer from page_embeddings), 4, 'two pages, two segments each');
select tests.claim('keyword_clustering') as a \gset
select tests.create_job('https://example.com/2') as again \gset
select is(tests.claim_at(:'again', 'segment_embed'), null, 'a page''s second job waits for the first');
select cancel_job('pageperfect', :'two');
select tests.commit(tests.claim('segment_embed'));
select is((select count(*)::integer from page_embeddings), 4, 'a second analysis replaces');
select is((select count(*)::integer from page_embeddings where job_id = :'again'), 2, 'with its own rows');
select * from finish();
rollback;
