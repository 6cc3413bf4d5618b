\ir ../_shared/setup.sql
select plan(10);
select is(start_gsc_import('https://b.example/', '2025-03-01', '2025-03-02'),
  '{"property": "https://b.example/", "start_date": "2025-03-01", "end_date": "2025-03-02"}'::jsonb, 'an unknown property is taken on');
select is((select enabled from gsc_properties), false, 'once, not daily');
select throws_ok($$select start_gsc_import('https://b.example/', '2025-04-01', '2025-04-02')$$, '55000', null, 'one import at a time');
select throws_ok($$select start_gsc_import('https://c.example/', '2025-04-02', '2025-04-01')$$, '22023', null, 'a range has an order');
select throws_ok($$select start_gsc_import('c.example', '2025-04-01', '2025-04-02')$$, '23514', null, 'a property has a form');

update gsc_properties set enabled = true, imported_until = '2025-12-28';
select claim_gsc_import(60);
select checkpoint_gsc_import('https://b.example/', 1, 1, true, 60);
select is(checkpoint_gsc_import('https://b.example/', 1, 1, true, 60) ->> 'status', 'completed', 'it ends with its last day');
select is((select imported_until from gsc_properties), '2025-12-28'::date, 'and leaves the daily import where it was');

select start_gsc_import('https://b.example/', '2025-05-01', '2025-05-01');
do $$
begin
  for i in 1..8 loop
    perform public.claim_gsc_import(60);
    perform tests.travel('61 seconds');
  end loop;
end;
$$;
select is((select attempt_count from gsc_properties), 8, 'a worker dies at the same place every time');
select is(claim_gsc_import(60), null, 'an import that kills its workers is given up');
select is((select last_error ->> 'code' from gsc_properties), 'WORKER_LIMIT', 'and says why');
select * from finish();
rollback;
