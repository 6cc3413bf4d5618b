\ir ../_shared/setup.sql
select plan(3);
select embedding_cache_put('m', 1, array['a', 'b'], array['AACAPw==', 'AAAAQA==']);
select is(embedding_cache_missing('m', 1, array['x', 'a', 'y', 'b']), '[0, 2]'::jsonb, 'by their indexes');
select is(embedding_cache_missing('m', 1, array['a']), '[]'::jsonb, 'none');
select is(embedding_cache_missing('other', 1, array['a']), '[0]'::jsonb, 'another model knows nothing');
select * from finish();
rollback;
