-- Queues the import of a property's days that are under way; the job's id stands in the property's row.
create or replace function pipeline.queue_import(p_property text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_job_id uuid := gen_random_uuid();
begin
  insert into pipeline.jobs (pipeline, id, job_type, url, stage, payload, created_at)
  select 'fetch', v_job_id, 'gsc_import', p_property, 'gsc_import',
    jsonb_build_object('property', p_property, 'start_date', g.import_date, 'end_date', g.import_end), pipeline.now()
  from public.gsc_properties as g where g.property = p_property;
  update public.gsc_properties set job_id = v_job_id where property = p_property;
  perform pipeline.queue_stage('fetch', v_job_id, 'gsc_import', jsonb_build_object('property', p_property));
end;
$$;

revoke execute on function pipeline.queue_import(text) from public, anon, authenticated;
