\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.commit(tests.claim_at(:'job', 'rewrite_draft'));
select tests.create_job('https://example.com/open') as open \gset
select is((prune() ->> 'deleted_count')::integer, 0, 'nothing is old yet');
select tests.travel('31 days');
select is((prune() ->> 'job_count')::integer, 2, 'the completed job goes, and its crawl''s');
select is((select count(*)::integer from pageperfect_job_events where job_id = :'job'), 0, 'with all that belongs to it');
select is((select status from pageperfect_jobs where id = :'open'), 'queued', 'open jobs stay, however old');
select * from finish();
rollback;
