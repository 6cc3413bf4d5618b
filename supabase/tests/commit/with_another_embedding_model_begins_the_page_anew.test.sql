\ir ../_shared/setup.sql
select plan(8);
select tests.create_job() as job \gset
create table claimed as select tests.claim_at(:'job', 'keyword_clustering') as c;
select is(commit_keyword_clustering(tests.msg(c), tests.ct(c), '{"model": "other", "dimensions": 3, "eps": 0.3, "min_points": 2, "clusters": [
  {"cluster_index": -1, "is_noise": true, "label": "c", "medoid_query": "c", "queries": ["c"], "size": 1, "impressions": 5, "clicks": 0, "centroid": "[1,0,0]"}]}')
  ->> 'next_stage', 'segment_embed', 'the job goes back to the segments') from claimed;
select is_empty('select from keyword_clusters', 'no cluster is stored beside segments of another model');
select is((tests.stage(:'job', 'segment_embed')).status, 'queued', 'they are embedded again');
select is((tests.stage(:'job', 'keyword_clustering')).status, null, 'clustering begins anew after that');
select is_empty('select * from check_invariants()', 'nothing is broken');
update claimed set c = tests.claim('segment_embed');
select is((select (commit_segment_embed(tests.msg(c), tests.ct(c), '{"page": {}, "model": "other", "dimensions": 3, "segments": [
  {"position": 0, "kind": "paragraph", "text": "World", "embedding": "[0,1,0]"}]}')) ->> 'next_stage' from claimed), 'keyword_clustering', 'with the new model it goes on');
update claimed set c = tests.claim('keyword_clustering');
select is((select (commit_keyword_clustering(tests.msg(c), tests.ct(c), '{"model": "other", "dimensions": 3, "eps": 0.3, "min_points": 2, "clusters": []}'))
  ->> 'next_stage' from claimed), 'gap_analysis', 'all of one model');

-- Another job of the page, which still has the old model, is faster than this one's gap analysis.
insert into keyword_clusters (page_id, cluster_index, is_noise, label, medoid_query, queries, size, impressions, clicks, model, dimensions, centroid)
select page_id, -1, true, 'c', 'c', '{c}', 1, 5, 0, 'm', 2, '[1,0]' from pageperfect_jobs where id = :'job';
select throws_ok(format('select input_gap_analysis(%L)', :'job'), '55000', null, 'models are never mixed: it waits for that job''s clusters');
select * from finish();
rollback;
