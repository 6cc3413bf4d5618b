-- Keeps a stage's last error in full, for the service.
create or replace function pipeline.keep_error(p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb)
returns void
language sql
set search_path = ''
as $$
  insert into pipeline.error_details (pipeline, job_id, stage, error)
  select p_pipeline, p_job_id, p_stage, p_error where p_error is not null
  on conflict (job_id, stage, pipeline) do update set error = excluded.error;
$$;

revoke execute on function pipeline.keep_error(text, uuid, text, jsonb) from public, anon, authenticated;
