\ir ../_shared/setup.sql
select plan(5);
select create_site_job('{"site": {"urls": ["https://example.com/"]}}') ->> 'job_id' as job \gset
select claim_stage('site', 'select_pages') as claim \gset
select fail_stage('site', tests.msg(:'claim'), tests.ct(:'claim'), '{"message": "boom"}', 'dead_letter', 0, 'transient');
select is((select status from site_jobs where id = :'job'), 'failed', 'it failed');
select is(retry_site_job(:'job') ->> 'status', 'queued', 'and is tried again');
select is_empty('select from site_dead_letters where replayed_at is null', 'its letter counts as replayed');
select is((claim_stage('site', 'select_pages') ->> 'attempt_count')::integer, 1, 'with fresh attempts');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
