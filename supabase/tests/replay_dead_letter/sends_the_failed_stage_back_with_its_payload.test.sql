\ir ../_shared/setup.sql
select plan(6);
select tests.create_job() as job \gset
select tests.fail(tests.claim_at(:'job', 'segment_embed'), 'dead_letter', 0, 'model_not_found');
select id as letter from pageperfect_dead_letters \gset
select is(replay_dead_letter('pageperfect', :letter) ->> 'status', 'replayed', 'it goes back');
select is(replay_dead_letter('pageperfect', :letter) ->> 'status', 'already_replayed', 'once');
select tests.claim('segment_embed') as claim \gset
select is((:'claim'::jsonb ->> 'attempt_count')::integer, 1, 'with fresh attempts');
select isnt(:'claim'::jsonb -> 'payload' ->> 'crawl_job_id', null, 'and the payload it failed with');
select tests.commit(:'claim');
select is((tests.stage(:'job', 'keyword_clustering')).status, 'queued', 'the job goes on from there');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
