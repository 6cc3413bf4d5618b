\ir ../_shared/setup.sql
select plan(3);
-- A session keeps the plans that it made while the cache was empty: by them all rows are read for each text, 52 s for 10,000.
analyze public.embedding_cache;
do $$
begin
  for i in 1..8 loop
    perform public.embedding_cache_missing('m', 1, array['x']);
    perform public.embedding_cache_get('m', 1, array['x']);
  end loop;
end
$$;
select embedding_cache_put('m', 1, array_agg(i::text), array_agg('AACAPw=='::text)) from generate_series(1, 2000) as i;
create function pg_temp.whole_reads() returns bigint language sql as $$
  select seq_scan from pg_stat_xact_user_tables where relid = 'public.embedding_cache'::regclass
$$;
create temp table before as select pg_temp.whole_reads() as count;
select is(embedding_cache_missing('m', 1, array['x', '1', '2000']), '[0]'::jsonb, 'what is missing');
select is(embedding_cache_get('m', 1, array['x', '1']), '[null, "AACAPw=="]'::jsonb, 'what is there');
select is(pg_temp.whole_reads(), (select count from before), 'by the index');
select * from finish();
rollback;
