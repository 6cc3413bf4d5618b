\ir ../_shared/setup.sql
select plan(4);
select is(embedding_cache_put('m', 1, array['a', 'b', 'a'], array['AACAPw==', 'AAAAQA==', 'AACAPw==']), 2, 'two new texts');
select is(embedding_cache_put('m', 1, array['a'], array['AAAAQA==']), 0, 'what is known stays');
select is(embedding_cache_get('m', 1, array['b', 'x', 'a', 'b']), '["AAAAQA==", null, "AACAPw==", "AAAAQA=="]'::jsonb, 'in order, null for the unknown');
select throws_ok($$select embedding_cache_put('m', 2, array['c'], array['AACAPw=='])$$, '23514', null, 'an embedding of another size is refused');
select * from finish();
rollback;
