\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select id as page from pages limit 1 \gset
select is(pipeline.put_keywords(:'page', '[{"query": "a", "impressions": 10, "clicks": 1, "position": 4}, {"query": "a", "impressions": 30, "clicks": 0},
  {"query": "b", "impressions": 5, "clicks": 0, "position": null}]'), 2, 'queries without a position are stored');
select is(input_keyword_clustering(:'job') -> 'keywords' -> 0 -> 'position', '4'::jsonb, 'a position that is known counts alone');
select is(input_keyword_clustering(:'job') -> 'keywords' -> 1, '{"query": "b", "impressions": 5, "clicks": 0, "position": null}'::jsonb,
  'one that is not stays unknown');
select lives_ok($$select upsert_gsc_rows('[{"page": "https://a.example/", "query": "c", "impressions": 5, "clicks": 0}]')$$, 'as in an import');
select * from finish();
rollback;
