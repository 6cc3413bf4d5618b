-- What an import begins with: the day, and how many of its rows are stored already.
create or replace function public.input_gsc_import(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('property', g.property, 'date', g.import_date, 'start_row', g.next_row)
  from public.gsc_properties as g where g.job_id = p_job_id;
$$;

revoke execute on function public.input_gsc_import(uuid) from public, anon, authenticated;
