\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
select is(tests.fail(tests.claim('submit_crawl'), 'dead_letter', 0, 'http_404') ->> 'status', 'dead_lettered', 'no second attempt');
select is((select failure_reason from pageperfect_dead_letters), 'http_404', 'with the reason that was given');
select is((select payload -> 'payload' ->> 'url' from pageperfect_dead_letters), 'https://example.com/page', 'and the whole message');
select * from finish();
rollback;
