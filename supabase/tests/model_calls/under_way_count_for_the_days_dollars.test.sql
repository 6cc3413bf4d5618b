\ir ../_shared/setup.sql
select plan(9);
insert into model_prices (provider, model, input_usd, output_usd) values ('openai', 'priced', 100, 100);
insert into auth.users (id) values ('00000000-0000-4000-8000-000000000007');
create function tests.begin(p_job uuid) returns numeric language sql as $$
  select round(public.begin_model_call('openai', 'priced', 4000, p_job)::numeric);
$$;
create function tests.end(p_job uuid, p_usage jsonb default null) returns void language sql as $$
  select public.end_model_call(p_job, 'gap_analysis', 'openai', 'priced', 4000, p_usage);
$$;
insert into pipeline.jobs (pipeline, stage, user_id) values ('pageperfect', 'gap_analysis', '00000000-0000-4000-8000-000000000007') returning id as job \gset
insert into pipeline.jobs (pipeline, stage) values ('pageperfect', 'gap_analysis') returning id as service \gset
-- 0.40 dollars a call, of one dollar a day.
update pipeline.owner_policies set daily_usd = 1 where role = 'user';
select is(array[tests.begin(:'job'), tests.begin(:'job')], array[0, 0]::numeric[], 'two calls go');
select is(tests.begin(:'job'), 5::numeric, 'a third waits while they may use the dollar up');
select is(tests.begin(:'service'), 0::numeric, 'the service is not held back by a user''s ceiling');
select tests.end(:'job', '{"input_tokens": 1000, "output_tokens": 0}');
select is(tests.begin(:'job'), 0::numeric, 'one was cheaper than foreseen: it goes');
select is(tests.begin(:'job'), 5::numeric, 'and the next waits');
select tests.end(:'job', '{"input_tokens": 4000, "output_tokens": 0}');
select tests.end(:'job', '{"input_tokens": 4000, "output_tokens": 0}');
select ok(tests.begin(:'job') > 3600, 'what is used up is used up until tomorrow');
select tests.travel('11 minutes');
update pipeline.owner_policies set daily_usd = 1.3 where role = 'project';
select is((select count(*) from pipeline.model_calls_under_way), 1::bigint, 'the service''s call never ended');
select is(tests.begin(:'service'), 0::numeric, 'nobody waits for ever for a worker that died');
select is((select count(*) from pipeline.model_calls_under_way), 1::bigint, 'and its call is forgotten');
select * from finish();
rollback;
