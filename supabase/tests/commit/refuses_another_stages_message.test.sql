\ir ../_shared/setup.sql
select plan(1);
select tests.create_job() as job \gset
select tests.claim('submit_crawl') as claim \gset
select throws_ok(format('select commit_wait_crawl(%s, %s, ''{}'')', tests.msg(:'claim'), tests.ct(:'claim')), '22023', null, 'a wait_crawl commit cannot end submit_crawl');
select * from finish();
rollback;
