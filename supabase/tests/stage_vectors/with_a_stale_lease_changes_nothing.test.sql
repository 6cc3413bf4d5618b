\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'segment_embed') as claim \gset
select is(stage_vectors(tests.msg(:'claim'), tests.ct(:'claim') - 1, 'd', 0, array['[1,0]']), '{"status": "lease_lost", "count": 0}', 'refused');
select is((select count(*)::integer from pipeline.staged_vectors), 0, 'nothing is kept');
select stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'd', 0, array['[1,0]']);
select throws_ok(format($$select commit_segment_embed(%s, %s, '{"page": {}, "model": "m", "dimensions": 2, "digest": "other",
  "segments": [{"position": 0, "kind": "heading", "text": "a"}]}')$$, tests.msg(:'claim'), tests.ct(:'claim')), '23502', null,
  'vectors of another input are never committed');
select is((tests.stage(:'job', 'segment_embed')).status, 'processing', 'and the stage is not done');
select * from finish();
rollback;
