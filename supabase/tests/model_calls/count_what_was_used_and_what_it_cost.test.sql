\ir ../_shared/setup.sql
select plan(13);
select tests.create_job() as job \gset
insert into model_prices (provider, model, input_usd, output_usd) values ('openai', 'writer', 1, 10), ('openai', 'embedder', 2, null), ('mine', '*', 0, 0);
create function tests.used(p_job uuid, p_provider text, p_model text, p_input int, p_output int default 0) returns void language sql as $$
  select public.end_model_call(p_job, 'rewrite_draft', p_provider, p_model, 0, jsonb_build_object('input_tokens', p_input, 'output_tokens', p_output));
$$;
create function tests.cost(p_model text) returns numeric language sql as $$ select cost_usd::numeric(9, 6) from model_usage where model = p_model; $$;

select tests.used(:'job', 'openai', 'writer', 3000, 1200);
select is(tests.cost('writer'), 0.015000, 'input and output at their prices');
update model_prices set input_usd = 100 where model = 'writer';
select is(tests.cost('writer'), 0.015000, 'a new price changes no past cost');
select tests.used(:'job', 'openai', 'writer', 1000, 0);
select is(tests.cost('writer'), 0.115000, 'a second attempt adds to it');
select is((select call_count from model_usage where model = 'writer'), 2, 'and is counted');
select tests.used(:'job', 'openai', 'embedder', 500);
select is(tests.cost('embedder'), 0.001000, 'an embedding has no output to price');
select tests.used(:'job', 'mine', 'llama', 500, 500);
select is(tests.cost('llama'), 0.000000, 'a provider''s price for all its models');
select tests.used(:'job', 'openai', 'unheard-of', 500);
select is(tests.cost('unheard-of'), null, 'no price is not the price 0');
select tests.used(gen_random_uuid(), 'openai', 'writer', 1);
select is((select count(*)::int from model_usage), 4, 'a job that is gone is no error');
select is((select json_array_length(get_pageperfect_report(:'job') -> 'costs')), 4, 'the report shows them');
select is((select array[sum(cost_usd)::numeric(9, 6)::text, sum(unpriced_count)::text] from v_pageperfect_costs), array['0.116000', '1'],
  'the view sums what has a price and counts what has none');

-- Of deleted jobs the sums stay.
select tests.create_job() as other \gset
select tests.used(:'other', 'openai', 'writer', 1000, 0);
create function tests.costs() returns jsonb language sql as $$
  select jsonb_object_agg(model, row_to_json(v)) from (
    select model, sum(job_count) as jobs, sum(call_count) as calls, sum(input_tokens) as input, sum(output_tokens) as output,
      sum(cost_usd)::numeric(9, 6) as usd, sum(unpriced_count) as unpriced
    from v_pageperfect_costs group by 1) as v;
$$;
select tests.costs() as before \gset
delete from pageperfect_jobs where id = :'job';
select is(tests.costs(), :'before'::jsonb, 'a deleted job leaves its costs');
delete from pageperfect_jobs where id = :'other';
select is(tests.costs(), :'before'::jsonb, 'and another one adds its own');
select is((select count(*)::int from model_usage), 0, 'its rows are gone');
select * from finish();
rollback;
