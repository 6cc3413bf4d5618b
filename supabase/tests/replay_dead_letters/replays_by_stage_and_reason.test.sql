\ir ../_shared/setup.sql
select plan(3);
update pipeline.stage_config set max_concurrency = 10;
select tests.create_job('https://example.com/1');
select tests.create_job('https://example.com/2');
select tests.fail(tests.claim('submit_crawl'), 'dead_letter', 0, 'rate_limited');
select tests.fail(tests.claim('submit_crawl'), 'dead_letter', 0, 'http_404');
select is(replay_dead_letters('pageperfect', 'submit_crawl', 'rate_limited'), 1, 'only those that fit');
select is(replay_dead_letters('pageperfect', 'wait_crawl'), 0, 'not another stage''s');
select is((select count(*)::integer from pageperfect_jobs where status = 'failed'), 1, 'the other stays failed');
select * from finish();
rollback;
