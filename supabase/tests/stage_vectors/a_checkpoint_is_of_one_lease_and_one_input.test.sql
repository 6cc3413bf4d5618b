\ir ../_shared/setup.sql
select plan(7);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'keyword_clustering') as claim \gset
select is(load_checkpoint(:'job', 'keyword_clustering', 'd'), null, 'none at first');
select is(save_checkpoint(tests.msg(:'claim'), tests.ct(:'claim') + 1, 'd', 'AAAA') ->> 'status', 'lease_lost', 'a stale lease');
select is(load_checkpoint(:'job', 'keyword_clustering', 'd'), null, 'saves nothing');
select save_checkpoint(tests.msg(:'claim'), tests.ct(:'claim'), 'd', 'AAAA');
select is(save_checkpoint(tests.msg(:'claim'), tests.ct(:'claim'), 'd', encode(sha512('x') || sha512('y'), 'base64')) ->> 'status', 'saved', 'the last one counts');
select is(load_checkpoint(:'job', 'keyword_clustering', 'd'), replace(encode(sha512('x') || sha512('y'), 'base64'), E'\n', ''), 'and comes back in one line');
select is(load_checkpoint(:'job', 'keyword_clustering', 'other'), null, 'but not for another input');
select tests.commit(:'claim');
select is((select count(*)::integer from pipeline.stage_checkpoints), 0, 'the commit ends it');
select * from finish();
rollback;
