\ir ../_shared/setup.sql
select plan(11);
insert into pages (url) values ('https://example.com/');
insert into crawl_jobs (page_id, url, queued_at, available_at)
select p.id, c.url, pipeline.now(), pipeline.now()
from pages as p, (
  select 'https://Busy.example/' || i as url, i as number from generate_series(1, 10) as i
  union all values ('https://late.example?a', 20), ('https://late.example/b', 21), ('https://late.example:8443/c', 22)
) as c
order by c.number;

create function tests.urls(p_claims jsonb) returns text language sql as $$
  select string_agg(regexp_replace(c.url, '^https://', ''), ' ' order by c.url)
  from jsonb_array_elements(p_claims) as m join public.crawl_jobs as c on c.id = (m ->> 'job_id')::uuid;
$$;

select claim_stages('fetch', 'crawl', 60, 10) as first \gset
select is(tests.urls(:'first'), 'Busy.example/1 Busy.example/2 late.example/b late.example:8443/c late.example?a', 'two of a host, a port being one of its own');
select is(claim_stages('fetch', 'crawl', 60, 10), '[]', 'and no third at once');
select is((select count(*)::integer from crawl_jobs where status = 'pending'), 8, 'though more wait');
select is((select count(*)::integer from fetch_job_stages where available_at = 'infinity' and attempt_count = 0), 8, 'at no cost');
select fail_stage('fetch', tests.msg(c), tests.ct(c), '{"message": "x"}', 'dead_letter') from jsonb_array_elements(:'first') as c
where exists (select from crawl_jobs as j where j.id = (c ->> 'job_id')::uuid and j.url = 'https://Busy.example/2');
select claim_stages('fetch', 'crawl', 60, 10) as next \gset
select is(tests.urls(:'next'), 'Busy.example/3', 'the next one when one has ended');
select tests.travel('61 seconds');
select is(jsonb_array_length(claim_stages('fetch', 'crawl', 60, 10)), 5, 'silent ones are taken over within the share');
select is((select count(*)::integer from crawl_jobs where status = 'processing' and host = 'busy.example'), 2, 'and add nothing to it');

create or replace function pipeline.crawls_per_host() returns integer language sql immutable set search_path = '' as $$ select 4 $$;
select is((select count(*)::integer from check_invariants() where rule like 'a lane%'), 1, 'a lane with more room is noticed');
select mend_pipelines();
select is(jsonb_array_length(claim_stages('fetch', 'crawl', 60, 10)), 2, 'the share can be changed');
select is((select count(*)::integer from crawl_jobs where status = 'processing'), 7, 'which holds from then on');
select is_empty('select * from check_invariants()', 'all is as it should be');
select * from finish();
rollback;
