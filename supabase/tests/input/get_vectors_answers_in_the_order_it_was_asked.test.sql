\ir ../_shared/setup.sql
select plan(5);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'gap_analysis') as claim \gset
select array_agg(id order by position desc)::text as ids from page_embeddings \gset
select is(get_vectors('page_embeddings', :'ids'), replace(encode(vector_send('[0,1]') || vector_send('[1,0]'), 'base64'), E'\n', ''), 'segments in the order of their ids');
select is(length(decode(get_vectors('keyword_clusters', (select array_agg(id) from keyword_clusters)), 'base64')), 2 * 12, 'centroids');
select is(get_vectors('page_embeddings', '{}'), '', 'nothing for nothing');
select throws_ok($$select get_vectors('page_embeddings', '{-1}')$$, '40001', null, 'a row that is gone is an error that passes');
select throws_ok($$select get_vectors('pages', '{}')$$, '22023', null, 'no other table');
select * from finish();
rollback;
