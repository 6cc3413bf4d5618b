-- Queues an import of each enabled property that has new days, and of those whose import lost its job; how many. A property
-- whose import failed is left until tomorrow, or a replay.
create or replace function pipeline.start_due_imports()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v public.gsc_properties;
  v_count integer := 0;
begin
  for v in
    select g.* from public.gsc_properties as g
    where (g.import_date is not null or (g.enabled and coalesce(g.imported_until, '-infinity') < public.gsc_settled_day()))
      and not exists (select from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = g.job_id
        and (j.is_open or (j.status = 'failed' and j.last_failed_at > pipeline.now() - interval '1 day')))
    for update skip locked
  loop
    if v.import_date is null then
      -- Nothing before the first daily import is wanted, so all of it counts as imported.
      update public.gsc_properties
      set imported_until = coalesce(imported_until, public.gsc_settled_day() - lookback_days),
          import_date = coalesce(imported_until, public.gsc_settled_day() - lookback_days) + 1,
          import_end = public.gsc_settled_day(), next_row = 0
      where property = v.property;
    end if;
    perform pipeline.queue_import(v.property);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.start_due_imports() from public, anon, authenticated;
