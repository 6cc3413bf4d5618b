\ir ../_shared/setup.sql
select plan(22);
-- The clock stands at 2026-01-01 00:00 UTC: still 2025-12-31 in California, so 2025-12-28 is settled.
select is(gsc_settled_day(), '2025-12-28'::date, 'days are Pacific ones, settled after three');
insert into gsc_properties (property, lookback_days) values ('sc-domain:a.example', 2);
insert into gsc_properties (property, enabled) values ('https://off.example/', false);
select is(pending_gsc_import_count(), 1, 'an enabled property is due');

select claim_gsc_import(60) as claim \gset
select is(:'claim'::jsonb, '{"property": "sc-domain:a.example", "lease_count": 1, "date": "2025-12-27", "start_row": 0,
  "attempt_count": 1, "max_attempts": 8}'::jsonb, 'the first import begins where the property says');
select is(claim_gsc_import(60), null, 'what is leased is nobody else''s');
select is(pending_gsc_import_count(), 0, 'nor due');

select is(checkpoint_gsc_import('sc-domain:a.example', 1, 25000, false, 60),
  '{"status": "continue", "date": "2025-12-27", "start_row": 25000}'::jsonb, 'a checkpoint moves within the day');
select tests.travel('61 seconds');
select claim_gsc_import(60) as claim \gset
select is(:'claim'::jsonb, '{"property": "sc-domain:a.example", "lease_count": 2, "date": "2025-12-27", "start_row": 25000,
  "attempt_count": 2, "max_attempts": 8}'::jsonb, 'after a death the next one goes on from the checkpoint');
select is(checkpoint_gsc_import('sc-domain:a.example', 1, 9, true, 60) ->> 'status', 'lease_lost', 'the dead one''s checkpoint does nothing');
select is(fail_gsc_import('sc-domain:a.example', 1, '{}', 'retry', 1) ->> 'status', 'lease_lost', 'nor its failure');
select is(release_gsc_import('sc-domain:a.example', 1) ->> 'status', 'lease_lost', 'nor its release');

select is(checkpoint_gsc_import('sc-domain:a.example', 2, 10, true, 60),
  '{"status": "continue", "date": "2025-12-28", "start_row": 0}'::jsonb, 'the next day follows');
select is((select imported_until from gsc_properties where property = 'sc-domain:a.example'), '2025-12-27'::date, 'a day that is done is done');
select is(release_gsc_import('sc-domain:a.example', 2), '{"status": "released"}'::jsonb, 'a worker whose time is up hands back');
select is((claim_gsc_import(60) ->> 'attempt_count')::integer, 1, 'which costs no attempt');
select is(fail_gsc_import('sc-domain:a.example', 3, '{"message": "slow down"}', 'retry', 900), '{"status": "retry_scheduled"}'::jsonb, 'a failure waits');
select is(claim_gsc_import(60), null, 'until its delay is over');
select tests.travel('900 seconds');
select is(claim_gsc_import(60) ->> 'date', '2025-12-28', 'then the same day comes again');
select is(checkpoint_gsc_import('sc-domain:a.example', 4, 5, true, 60), '{"status": "completed"}'::jsonb, 'the last day ends the import');
select is((select concat_ws(' ', imported_until, row_count, import_date, lease_expires_at, last_error) from gsc_properties
  where property = 'sc-domain:a.example'), '2025-12-28 25015', 'with nothing left behind');
select is(pending_gsc_import_count(), 0, 'nothing is due until a new day is settled');
select tests.travel('1 day');
select is(claim_gsc_import(60) ->> 'date', '2025-12-29', 'which tomorrow''s import fetches');
select is(fail_gsc_import('sc-domain:a.example', 5, '{"message": "no access"}', 'dead_letter', 0), '{"status": "failed"}'::jsonb,
  'an error that stays ends the import');
select * from finish();
rollback;
