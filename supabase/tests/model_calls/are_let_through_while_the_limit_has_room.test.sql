\ir ../_shared/setup.sql
select plan(12);
create function tests.begin(p_tokens double precision default 100) returns numeric language sql as $$
  select round(public.begin_model_call('openai', 'm', p_tokens)::numeric, 3);
$$;
create function tests.said(p_limits jsonb, p_blocked double precision default null) returns void language sql as $$
  select public.end_model_call(null, 'segment_embed', 'openai', 'm', 0, null, p_limits, p_blocked);
$$;

select is(tests.begin(1e9), 0.000, 'nothing is known: nothing is held back');
select is_empty('select from model_limits', 'and nothing written');

insert into model_limits (provider, model, unit, per_minute, updated_at) values ('openai', 'm', 'requests', 2, pipeline.now());
select is(array[tests.begin(), tests.begin(), tests.begin()], array[0, 0, 30.000], 'the third in a minute waits for its share of it');
select is(tests.begin(), 30.000, 'asking counts nothing');
select tests.travel('31 s');
select is(tests.begin(), 0.000, 'then it goes');

select tests.said('[{"unit": "tokens", "limit": 6000, "remaining": 3000, "reset_seconds": 30}]');
select is((select refill_per_second from model_limits where unit = 'tokens'), 100::double precision, 'the refill is read off the answer');
select tests.travel('29 s');
select is(tests.begin(6000), 1.000, 'tokens are held back alike');
select tests.travel('2 s');
select is(tests.begin(1e9), 0.000, 'a call above the whole limit goes when the bucket is full');

select tests.said('[{"unit": "tokens", "limit": 6000, "remaining": 6000, "reset_seconds": 0}]');
select is((select available < 0 from model_limits where unit = 'tokens'), true, 'an answer that is older than our count does not raise it');

update model_limits set available = null;
select tests.said('[]', 20);
select is(tests.begin(), 20.000, 'a refused call blocks the model for everybody');
select tests.said('[]', 5);
select is(tests.begin(), 20.000, 'a shorter wait does not end a longer one');
select is((select round(public.begin_model_call('openai', 'other', 1)::numeric)), 0::numeric, 'another model is free');
select * from finish();
rollback;
