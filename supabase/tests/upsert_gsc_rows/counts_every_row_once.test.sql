\ir ../_shared/setup.sql
select plan(12);
create function tests.rows() returns jsonb language sql as $$
  select '[
    {"page": "https://a.example/", "query": "shoes", "date": "2025-01-31", "impressions": 20, "clicks": 1, "position": 3.5},
    {"page": "https://a.example/", "query": "shoes", "date": "2025-02-01", "impressions": 10, "clicks": 0, "position": 4},
    {"page": "https://b.example/", "query": "shoes", "date": null, "impressions": 5, "clicks": 2, "position": 1}
  ]'::jsonb;
$$;
create function tests.sums() returns text language sql as $$
  select concat_ws(' ', count(*), sum(impressions), sum(clicks), sum(position)) from public.gsc_page_query;
$$;
select is(upsert_gsc_rows(tests.rows()), '{"row_count": 3, "page_count": 2}'::jsonb, 'rows and pages are counted');
select is(tests.sums(), '3 35 3 8.5', 'all is stored');
select is(upsert_gsc_rows(tests.rows()), '{"row_count": 3, "page_count": 2}'::jsonb, 'again');
select is(tests.sums(), '3 35 3 8.5', 'the same rows change nothing');
select is((select count(*)::integer from pages), 2, 'and make no page twice');

select upsert_gsc_rows('[{"page": "https://a.example/", "query": "shoes", "date": "2025-01-31", "impressions": 25, "clicks": 1, "position": 3}]');
select is(tests.sums(), '3 40 3 8', 'a newer figure replaces the older one');

select upsert_gsc_rows('[{"page": "https://b.example/", "query": "boots", "date": null, "impressions": 7, "clicks": 0, "position": 2}]');
select is((select count(*)::integer from gsc_page_query where date is null), 2,
  'an undated row leaves the other undated ones: the file may come in parts');

select is(upsert_gsc_rows('[
    {"page": "https://c.example/", "query": "q", "date": "2025-01-31", "impressions": 30, "clicks": 1, "position": 2},
    {"page": "https://c.example/", "query": "q", "date": "2025-01-31", "impressions": 10, "clicks": 2, "position": 6}]'),
  '{"row_count": 1, "page_count": 1}'::jsonb, 'rows of one key are one');
select is((select concat_ws(' ', g.impressions, g.clicks, g.position) from gsc_page_query as g join pages as p on p.id = g.page_id
  where p.url = 'https://c.example/'), '40 3 3', 'their counts added up, the position weighted by impressions');

select is(upsert_gsc_rows('[]'), '{"row_count": 0, "page_count": 0}'::jsonb, 'nothing is nothing');
select throws_ok($$select upsert_gsc_rows('[{"page": "/x", "query": "q", "impressions": 1, "clicks": 1, "position": 1}]')$$, '22023',
  null, 'a page is a URL');
select throws_ok($$select upsert_gsc_rows('{}')$$, '22023', null, 'rows are an array');
select * from finish();
rollback;
