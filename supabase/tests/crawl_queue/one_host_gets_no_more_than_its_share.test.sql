\ir ../_shared/setup.sql
select plan(9);
insert into pages (url) values ('https://example.com/');
insert into crawl_jobs (page_id, url, queued_at, available_at)
select p.id, c.url, now(), pipeline.now() - make_interval(secs => 100 - c.number)
from pages as p, (
  select 'https://Busy.example/' || i as url, i as number from generate_series(1, 10) as i
  union all values ('https://late.example?a', 20), ('https://late.example/b', 21), ('https://late.example:8443/c', 22)
) as c;

create function tests.hosts(p_claims jsonb) returns text language sql as $$
  select string_agg(regexp_replace(c ->> 'url', '^https://', ''), ' ' order by c ->> 'url') from jsonb_array_elements(p_claims) as c;
$$;

select claim_crawl_jobs(3, 60) as first \gset
select is(tests.hosts(:'first'), 'Busy.example/1 late.example:8443/c late.example?a', 'each host has its turn, the longest waiting first');
select is(tests.hosts(claim_crawl_jobs(10, 60)), 'Busy.example/2 late.example/b', 'then its second crawl');
select is(claim_crawl_jobs(10, 60), '[]', 'and no third at once');
select is(pending_crawl_count(), 8, 'though more wait');
select fail_crawl(id, 1, '{"message": "x"}', 'dead_letter') from crawl_jobs where url = 'https://Busy.example/2';
select is(tests.hosts(claim_crawl_jobs(10, 60)), 'Busy.example/3', 'the next one when one has ended');
select tests.travel('61 seconds');
select is(jsonb_array_length(claim_crawl_jobs(10, 60)), 5, 'silent ones are taken over within the share');
select is((select count(*)::integer from crawl_jobs where status = 'processing' and host = 'busy.example'), 2, 'and add nothing to it');

create or replace function pipeline.crawls_per_host() returns integer language sql immutable set search_path = '' as $$ select 4 $$;
select is(jsonb_array_length(claim_crawl_jobs(10, 60)), 2, 'the share can be changed');
select is((select count(*)::integer from crawl_jobs where status = 'processing'), 7, 'which holds from the next claim on');
select * from finish();
rollback;
