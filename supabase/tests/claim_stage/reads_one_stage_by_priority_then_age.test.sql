\ir ../_shared/setup.sql
select plan(4);
update pipeline.stage_config set max_concurrency = 10;
select tests.create_job('https://example.com/1', 0) as first \gset
select tests.create_job('https://example.com/2', 5) as urgent \gset
select tests.create_job('https://example.com/3', 0) as last \gset
select is(tests.claim('wait_crawl'), null, 'another stage''s messages are not taken');
select is(tests.claim('submit_crawl') ->> 'job_id', :'urgent', 'higher priority first');
select is(tests.claim('submit_crawl') ->> 'job_id', :'first', 'then the oldest');
select is(tests.claim('submit_crawl') ->> 'job_id', :'last', 'then the next');
select * from finish();
rollback;
