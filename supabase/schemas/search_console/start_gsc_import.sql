-- Asks for the days p_start_date..p_end_date of a property, both included. A property that is not in the table comes
-- into it disabled: imported once, not daily. Raises 55000 while an import of it is under way.
create or replace function public.start_gsc_import(p_property text, p_start_date date, p_end_date date)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  if p_start_date is null or p_end_date is null or p_start_date > p_end_date then
    raise exception 'the import needs a start_date and an end_date that is not before it' using errcode = '22023';
  end if;
  if p_end_date - p_start_date >= 500 then
    raise exception 'Search Console keeps 16 months: ask for 500 days at most' using errcode = '22023';
  end if;
  insert into public.gsc_properties as g (property, enabled, import_date, import_end)
  values (p_property, false, p_start_date, p_end_date)
  on conflict (property) do update
    set import_date = excluded.import_date, import_end = excluded.import_end, next_row = 0, last_error = null
    where g.import_date is null;
  if not found then
    raise exception 'an import of % is under way: wait for its end', p_property using errcode = '55000';
  end if;
  perform pipeline.queue_import(p_property);
  return jsonb_build_object('property', p_property, 'start_date', p_start_date, 'end_date', p_end_date);
end;
$$;

revoke execute on function public.start_gsc_import(text, date, date) from public, anon, authenticated;
