\ir ../_shared/setup.sql
select plan(4);
insert into model_limits (provider, model, unit, per_minute, updated_at)
select 'anthropic', 'm', u, 1000, pipeline.now() from unnest(array['requests', 'tokens', 'input_tokens', 'output_tokens']) as u;
create function tests.left(p_unit text) returns double precision language sql as $$ select available from model_limits where unit = p_unit; $$;

select is(begin_model_call('anthropic', 'm', 400), 0::double precision, 'let through');
select is(array[tests.left('requests'), tests.left('tokens'), tests.left('input_tokens'), tests.left('output_tokens')],
  array[999, 600, 600, 1000]::double precision[], 'the estimate counts at once');
select end_model_call(null, 'rewrite_draft', 'anthropic', 'm', 400, '{"input_tokens": 300, "output_tokens": 1500}');
select is(array[tests.left('requests'), tests.left('tokens'), tests.left('input_tokens'), tests.left('output_tokens')],
  array[999, -800, 700, -500]::double precision[], 'what was used takes its place');
select is(round(begin_model_call('anthropic', 'm', 100)::numeric, 1), 54.0, 'and what was overdrawn is waited for');
select * from finish();
rollback;
