\ir ../_shared/setup.sql
select plan(4);
select tests.create_job() as job \gset
select tests.claim('submit_crawl') as claim \gset
select is(cancel_job('pageperfect', :'job') ->> 'status', 'cancelled', 'a running job can be cancelled');
select is(tests.commit(:'claim') ->> 'status', 'lease_lost', 'its worker may not commit');
select is((select count(*)::integer from crawl_jobs), 0, 'nothing was written');
select is_empty('select * from check_invariants()', 'invariants hold');
select * from finish();
rollback;
