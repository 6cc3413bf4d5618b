\ir ../_shared/setup.sql
select plan(3);
select embedding_cache_put('m', 1, array['a', 'b', 'c'], array['AAAAAA==', 'AAAAAA==', 'AAAAAA==']);
update embedding_cache set created_at = now() - interval '91 days' where text_sha256 <> sha256('c');
select is(prune_embedding_cache(p_limit => 1), 1, 'one step');
select is(prune_embedding_cache(), 1, 'the rest');
select is((select count(*)::integer from embedding_cache), 1, 'younger ones stay');
select * from finish();
rollback;
