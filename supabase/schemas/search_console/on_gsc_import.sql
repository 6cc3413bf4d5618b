-- An import's error stands in its property's row as well. One that ended is done with: the daily import begins again tomorrow
-- where the last one stopped, and a replay with its first day.
create or replace function pipeline.on_gsc_import(p_job_id uuid, p_event text, p_details jsonb)
returns void
language sql
set search_path = ''
as $$
  update public.gsc_properties as g
  set last_error = case when p_event <> 'replayed' then p_details - 'delay_seconds' - 'reason' end,
      import_date = case p_event when 'retry' then g.import_date when 'replayed' then (j.payload ->> 'start_date')::date end,
      import_end = case p_event when 'retry' then g.import_end when 'replayed' then (j.payload ->> 'end_date')::date end,
      next_row = case when p_event = 'retry' then g.next_row else 0 end
  from pipeline.jobs as j
  where g.job_id = p_job_id and j.pipeline = 'fetch' and j.id = p_job_id
    and p_event in ('retry', 'dead_lettered', 'cancelled', 'replayed');
$$;

revoke execute on function pipeline.on_gsc_import(uuid, text, jsonb) from public, anon, authenticated;
