\ir ../_shared/setup.sql
select plan(7);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'segment_embed') as claim \gset
select is(stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'old', 0, array['[9,9]', '[9,9]', '[9,9]']) ->> 'count', '3', 'of an earlier input');
select is(stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'new', 0, array['[1,0]']) ->> 'count', '1', 'another digest starts over');
select is(stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'new', 1, array['[0,1]']) ->> 'count', '2', 'the next chunk');
select is(stage_vectors(tests.msg(:'claim'), tests.ct(:'claim'), 'new', 1, array['[0,1]']), '{"status": "staged", "count": 2}', 'a repeated chunk changes nothing');
select is(commit_segment_embed(tests.msg(:'claim'), tests.ct(:'claim'), '{"page": {}, "model": "m", "dimensions": 2, "digest": "new",
  "segments": [{"position": 0, "kind": "heading", "text": "a"}, {"position": 1, "kind": "paragraph", "text": "b"}]}') ->> 'status', 'committed', 'the commit carries no vector');
select is((select string_agg(text || embedding::text, ' ' order by position) from page_embeddings), 'a[1,0] b[0,1]', 'each row got its own');
select is((select count(*)::integer from pipeline.staged_vectors), 0, 'nothing stays behind');
select * from finish();
rollback;
