\ir ../_shared/setup.sql
select plan(4);
select tests.create_job('https://example.com/1', 0, '{"keywords": [{"query": "a", "impressions": 10, "clicks": 1, "position": 3}, {"query": "b", "impressions": 5, "clicks": 0, "position": 9}]}');
select tests.create_job('https://example.com/1', 0, '{"keywords": [{"query": "a", "impressions": 20, "clicks": 2, "position": 2}]}');
select results_eq('select query, impressions from gsc_page_query', $$values ('a', 20::bigint)$$, 'a new upload replaces the old one');
insert into gsc_page_query (page_id, query, date, impressions, clicks, position) select id, 'a', d, 100, 1, 4 from pages, (values (date '2026-01-01'), ('2026-01-02')) as v (d);
select tests.create_job('https://example.com/1') as job \gset
select is((select count(*)::integer from gsc_page_query where date is not null), 2, 'dated rows stay');
select is((input_keyword_clustering(:'job') -> 'keywords' -> 0 ->> 'impressions')::integer, 200, 'dated rows are summed and win over the total');
select is(jsonb_array_length(input_keyword_clustering(:'job') -> 'keywords'), 1, 'a query is one keyword');
select * from finish();
rollback;
