\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'keyword_clustering') as claim \gset
select stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'd', 0, array['[1,0]', '[0,1]']);
select defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), 0, null, '{"progress": {"left": 1}}');
select tests.claim('keyword_clustering') as claim \gset
select is(:'claim'::jsonb -> 'payload' -> 'progress', '{"left": 1}', 'what is left comes along, and so do staged vectors');
select commit_keyword_clustering(tests.msg(:'claim'), tests.ct(:'claim'), '{"model": "m", "dimensions": 2, "digest": "d", "clusters": [
  {"cluster_index": 0, "is_noise": false, "label": "a", "medoid_query": "a", "queries": ["a", "b"], "size": 2, "impressions": 1, "clicks": 0},
  {"cluster_index": -1, "is_noise": true, "label": "c", "medoid_query": "c", "queries": ["c"], "size": 1, "impressions": 1, "clicks": 0}]}');
select is((select string_agg(label || centroid::text, ' ' order by id) from keyword_clusters), 'a[1,0] c[0,1]', 'each cluster got its own');
select is(tests.claim('gap_analysis') -> 'payload' -> 'progress', null, 'the next stage hears nothing of it');
select * from finish();
rollback;
