\ir ../_shared/setup.sql
\ir setup.sql
select plan(12);
insert into auth.users (id) values ('00000000-0000-4000-8000-000000000007');
insert into model_prices (provider, model, input_usd, output_usd) values ('openai', 'priced', 100, 100);
update pipeline.owner_policies set daily_usd = 1 where role = 'user';
select tests.site_job('{"drafts": 3, "max_usd": 0.3}', '00000000-0000-4000-8000-000000000007') as job \gset
select tests.site_claim('site_drafts') as claim \gset
select is(begin_model_call('openai', 'priced', 4000, :'job'), 0::double precision, 'a call of a site''s job');
select is((select user_id from pipeline.model_calls_under_way), '00000000-0000-4000-8000-000000000007'::uuid, 'is its user''s');
select end_model_call(:'job', 'site_drafts', 'openai', 'priced', 4000, '{"input_tokens": 2000, "output_tokens": 1000}');
select is((select pipeline from model_usage where job_id = :'job'), 'site', 'and the job''s');
select is((select round(cost_usd, 2) from pipeline.daily_usage where owner_id = '00000000-0000-4000-8000-000000000007'), 0.30, 'counted once for the user');
select is((select round(cost_usd, 2) from pipeline.daily_usage where owner_id = '00000000-0000-0000-0000-000000000000'), 0.30, 'and once for the project');
select is((select round(sum(cost_usd), 2) from v_pageperfect_costs), 0.30, 'and in the table of costs');
select is(tests.begin(:'claim', 'a', 'da'), 'skipped', 'so the job''s ceiling is reached');
select is((select error ->> 'message' from site_drafts where edit_id = 'a'), 'the job''s ceiling was reached', 'and they are told so');
select tests.put(:'claim', 'c', 'dc', '{"status": "failed", "error": {"code": "draft_refused", "message": "gpt of org-123 declined", "meaning": "the model declined"}}');
select is((select error ->> 'message' from site_drafts where edit_id = 'c'), 'the model declined', 'users learn what an error means, not what it says');
set local role authenticated;
select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-000000000007", "role": "authenticated"}', true);
select is((select count(*)::integer from site_drafts), 2, 'their drafts are theirs to read');
select set_config('request.jwt.claims', '{"sub": "00000000-0000-4000-8000-000000000008", "role": "authenticated"}', true);
select is((select count(*)::integer from site_drafts), 0, 'and nobody else''s');
reset role;
select erase_user('00000000-0000-4000-8000-000000000007');
select is((select count(*)::integer from site_drafts), 0, 'and go with them');
select * from finish();
rollback;
