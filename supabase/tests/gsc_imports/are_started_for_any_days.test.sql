\ir ../_shared/setup.sql
select plan(10);
create function tests.claim_import() returns jsonb language sql as $$ select claim_stage('fetch', 'gsc_import', 60); $$;
select is(start_gsc_import('https://b.example/', '2025-03-01', '2025-03-02'),
  '{"property": "https://b.example/", "start_date": "2025-03-01", "end_date": "2025-03-02"}'::jsonb, 'an unknown property is taken on');
select is((select enabled from gsc_properties), false, 'once, not daily');
select throws_ok($$select start_gsc_import('https://b.example/', '2025-04-01', '2025-04-02')$$, '55000', null, 'one import at a time');
select throws_ok($$select start_gsc_import('https://c.example/', '2025-04-02', '2025-04-01')$$, '22023', null, 'a range has an order');
select throws_ok($$select start_gsc_import('c.example', '2025-04-01', '2025-04-02')$$, '23514', null, 'a property has a form');

update gsc_properties set enabled = true, imported_until = '2025-12-28';
select tests.claim_import() as claim \gset
select checkpoint_gsc_import(tests.msg(:'claim'), tests.ct(:'claim'), 1, true, 60);
select is(checkpoint_gsc_import(tests.msg(:'claim'), tests.ct(:'claim'), 1, true, 60) ->> 'status', 'committed', 'it ends with its last day');
select is((select imported_until from gsc_properties), '2025-12-28'::date, 'and leaves the daily import where it was');

select start_gsc_import('https://b.example/', '2025-05-01', '2025-05-01');
select tests.claim_import();
select tests.travel('61 seconds');
select tests.claim_import();
select tests.travel('61 seconds');
select is(tests.claim_import(), null, 'an import that kills its workers is given up');
select is((select last_error ->> 'code' from gsc_properties), 'worker_died', 'and says why');
select replay_dead_letters('fetch', 'gsc_import');
select tests.claim_import() as claim \gset
select is(input_gsc_import((:'claim'::jsonb ->> 'job_id')::uuid),
  '{"property": "https://b.example/", "date": "2025-05-01", "start_row": 0}', 'a replay asks for its days again');
select * from finish();
rollback;
