\ir ../_shared/setup.sql
select plan(3);
select tests.create_job() as job \gset
insert into gsc_page_query (page_id, query, impressions, position)
select id, 'query ' || i, i, 9 from pages, generate_series(1, 10005) as i;
select input_keyword_clustering(:'job') as input \gset
select is(jsonb_array_length(:'input'::jsonb -> 'keywords'), 10000, 'no more than one invocation can read');
select is(:'input'::jsonb -> 'keywords' -> 9999 ->> 'query', 'query 6', 'the ones with the fewest impressions are left out');
select is((:'input'::jsonb ->> 'left_out_count')::integer, 5, 'and counted');
select * from finish();
rollback;
