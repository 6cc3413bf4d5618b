\ir ../_shared/setup.sql
select plan(12);
select tests.create_job() as job \gset
select tests.claim_at(:'job', 'wait_crawl');
select tests.claim_crawl() as first_claim \gset
select input_crawl((:'first_claim'::jsonb ->> 'job_id')::uuid) as first \gset
select is(:'first'::jsonb -> 'previous', 'null', 'a first crawl has no earlier one');
select commit_crawl(tests.msg(:'first_claim'), 1, '{"html": "<p>é</p>", "http_status": 200, "provider": "direct",
  "final_url": "https://example.com/final", "content_type": "text/html", "etag": "\"v1\"", "last_modified": "then"}');

select tests.travel('1 hour');
select tests.create_job() as again \gset
select tests.claim_at(:'again', 'wait_crawl');
select tests.claim_crawl() as second_claim \gset
select input_crawl((:'second_claim'::jsonb ->> 'job_id')::uuid) as second \gset
select is(:'second'::jsonb -> 'previous' ->> 'id', :'first'::jsonb ->> 'id', 'the next one is given the earlier one');
select is((:'second'::jsonb -> 'previous') - 'id',
  '{"final_url": "https://example.com/final", "etag": "\"v1\"", "last_modified": "then"}', 'with its marks');
select is(commit_crawl(tests.msg(:'second_claim'), 7, '{"not_modified": true}') ->> 'status', 'lease_lost',
  'a stale lease changes nothing');
select throws_ok(format('select commit_crawl(%s, 1, %L)', tests.msg(:'second_claim'),
  '{"not_modified": true, "http_status": 304, "previous_crawl_job_id": "00000000-0000-4000-8000-000000000001"}'),
  '55000', null, 'what is not there cannot be kept');
select is((select status from crawl_jobs where id = (:'second'::jsonb ->> 'id')::uuid), 'processing', 'and that changes nothing');
select is(commit_crawl(tests.msg(:'second_claim'), 1, jsonb_build_object('not_modified', true, 'http_status', 304,
 'provider', 'direct', 'etag', '"v2"', 'previous_crawl_job_id', :'first'::jsonb ->> 'id')) ->> 'status', 'committed',
  'an unchanged page completes the crawl');
select results_eq(
  format('select html, html_length, http_status, final_url, content_type, etag, last_modified from crawl_jobs where id = %L',
    :'second'::jsonb ->> 'id'),
  $$values ('<p>é</p>'::text, 8, 304, 'https://example.com/final'::text, 'text/html'::text, '"v2"'::text, null::text)$$,
  'with the earlier HTML and the newer marks');
select is(input_segment_embed(:'again') - 'page_id',
  '{"url": "https://example.com/final", "html": "<p>é</p>"}', 'which the next stage reads');

-- Only what a direct crawl of this very URL found.
select tests.create_job('https://example.com/other') as other \gset
select tests.travel('1 hour');
select tests.create_job() as third \gset
select tests.claim('submit_crawl') as claim \gset
select tests.claim('submit_crawl') as claim2 \gset
select commit_submit_crawl(tests.msg(:'claim'), tests.ct(:'claim'), '{"url": "https://example.com/other"}');
select commit_submit_crawl(tests.msg(:'claim2'), tests.ct(:'claim2'), '{"url": "https://example.com/page"}');
select claim_stages('fetch', 'crawl', 60, 5) as crawls \gset
select jsonb_agg(input_crawl((c ->> 'job_id')::uuid)) as claims from jsonb_array_elements(:'crawls') as c \gset
select is((select c -> 'previous' from jsonb_array_elements(:'claims') as c where c ->> 'url' like '%other'), 'null', 'not of another page');
select is((select c -> 'previous' ->> 'id' from jsonb_array_elements(:'claims') as c where c ->> 'url' like '%page'),
  :'second'::jsonb ->> 'id', 'the latest');
update crawl_jobs set provider = 'scraperapi' where status = 'completed';
select is((select input_crawl((c ->> 'job_id')::uuid) -> 'previous' from jsonb_array_elements(:'crawls') as c
  where input_crawl((c ->> 'job_id')::uuid) ->> 'url' like '%page'), 'null',
  'not what ScraperAPI brought');
select * from finish();
rollback;
