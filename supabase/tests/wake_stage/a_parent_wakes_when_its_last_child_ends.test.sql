\ir ../_shared/setup.sql
select plan(7);
select tests.create_job() as parent \gset
select tests.claim('submit_crawl') as claim \gset
insert into pipeline.jobs (pipeline, stage, parent_pipeline, parent_id)
select 'content', 'research', 'pageperfect', :'parent' from generate_series(1, 2);
select pipeline.queue_stage('content', j.id, 'research') from content_jobs as j where j.parent_id = :'parent';
select is(defer_stage('pageperfect', tests.msg(:'claim'), tests.ct(:'claim'), null) ->> 'available_at', 'infinity', 'it sleeps until it is woken');
select tests.travel('30 days');
select is(tests.claim('submit_crawl'), null, 'however long that is');
select is((tests.stage(:'parent', 'submit_crawl')).attempt_count, 0, 'at no cost');
select cancel_job('content', (select id from content_jobs where parent_id = :'parent' limit 1));
select is(tests.claim('submit_crawl'), null, 'one child is still open');
select is_empty('select * from check_invariants()', 'and nothing is stuck');
update content_jobs set status = 'completed' where parent_id = :'parent' and status = 'queued';
select is(tests.claim('submit_crawl') ->> 'job_id', :'parent', 'the last one wakes it, whoever ended it');
select is((select count(*)::integer from pipeline.job_shares as s where s.job_id in (select id from content_jobs where parent_id = :'parent')), 0, 'what has ended has no place in line');
select * from finish();
rollback;
