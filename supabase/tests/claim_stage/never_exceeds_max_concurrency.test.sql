\ir ../_shared/setup.sql
select plan(3);
update pipeline.stage_config set max_concurrency = 1 where stage = 'submit_crawl';
select tests.create_job('https://example.com/1');
select tests.create_job('https://example.com/2');
select tests.claim('submit_crawl', 60) as claim \gset
select is(tests.claim('submit_crawl'), null, 'a full stage gives nothing');
select tests.travel('61 seconds');
select isnt(tests.claim('submit_crawl'), null, 'an expired lease frees its slot');
select is((select count(*)::integer from pageperfect_job_stages where status = 'processing' and lease_expires_at > pipeline.now()), 1, 'one runs');
select * from finish();
rollback;
