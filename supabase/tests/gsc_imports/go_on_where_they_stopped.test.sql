\ir ../_shared/setup.sql
select plan(20);
create function tests.claim_import() returns jsonb language sql as $$ select claim_stage('fetch', 'gsc_import', 60); $$;
create function tests.checkpoint(p_claim jsonb, p_rows integer, p_is_done boolean) returns jsonb language sql as $$
  select checkpoint_gsc_import(tests.msg(p_claim), tests.ct(p_claim), p_rows, p_is_done, 60);
$$;
-- The clock stands at 2026-01-01 00:00 UTC: still 2025-12-31 in California, so 2025-12-28 is settled.
select is(gsc_settled_day(), '2025-12-28'::date, 'days are Pacific ones, settled after three');
insert into gsc_properties (property, lookback_days) values ('sc-domain:a.example', 2);
insert into gsc_properties (property, enabled) values ('https://off.example/', false);
select is(pipeline.start_due_imports(), 1, 'an enabled property is due');
select is(pipeline.start_due_imports(), 0, 'once');

select tests.claim_import() as claim \gset
select is(input_gsc_import((:'claim'::jsonb ->> 'job_id')::uuid), '{"property": "sc-domain:a.example", "date": "2025-12-27", "start_row": 0}'::jsonb,
  'the first import begins where the property says');
select is(tests.claim_import(), null, 'what is leased is nobody else''s');
select is(tests.checkpoint(:'claim', 25000, false),
  '{"status": "continue", "date": "2025-12-27", "start_row": 25000}'::jsonb, 'a checkpoint moves within the day');
select tests.travel('61 seconds');
select tests.claim_import() as next \gset
select is(input_gsc_import((:'next'::jsonb ->> 'job_id')::uuid) -> 'start_row', '25000', 'after a death the next one goes on from the checkpoint');
select is(tests.checkpoint(:'claim', 9, true) ->> 'status', 'lease_lost', 'the dead one''s checkpoint does nothing');
select is(tests.fail(:'claim') ->> 'status', 'lease_lost', 'nor its failure');
select is(tests.checkpoint(:'next', 10, true),
  '{"status": "continue", "date": "2025-12-28", "start_row": 0}'::jsonb, 'the next day follows');
select is((select imported_until from gsc_properties where property = 'sc-domain:a.example'), '2025-12-27'::date, 'a day that is done is done');
select is(defer_stage('fetch', tests.msg(:'next'), tests.ct(:'next'), 0) ->> 'status', 'deferred', 'a worker whose time is up hands back');
select tests.claim_import() as next \gset
select is((:'next'::jsonb ->> 'attempt_count')::integer, 1, 'which costs no attempt');
select is(fail_stage('fetch', tests.msg(:'next'), tests.ct(:'next'), '{"message": "slow down"}', 'retry', 900) ->> 'status', 'retry_scheduled', 'a failure waits');
select is(tests.claim_import(), null, 'until its delay is over');
select tests.travel('900 seconds');
select tests.claim_import() as next \gset
select is(tests.checkpoint(:'next', 5, true) ->> 'status', 'committed', 'the last day ends the import');
select is((select concat_ws(' ', imported_until, row_count, import_date, last_error) from gsc_properties
  where property = 'sc-domain:a.example'), '2025-12-28 25015', 'with nothing left behind');
select is(pipeline.start_due_imports(), 0, 'nothing is due until a new day is settled');
select tests.travel('1 day');
select pipeline.start_due_imports();
select tests.claim_import() as next \gset
select is(input_gsc_import((:'next'::jsonb ->> 'job_id')::uuid) ->> 'date', '2025-12-29', 'which tomorrow''s import fetches');
select fail_stage('fetch', tests.msg(:'next'), tests.ct(:'next'), '{"message": "no access"}', 'dead_letter', 0, 'no_access');
select is((select concat_ws(' ', import_date, last_error ->> 'message') from gsc_properties where property = 'sc-domain:a.example'), 'no access',
  'an error that stays ends the import');
select * from finish();
rollback;
