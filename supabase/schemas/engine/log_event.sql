create or replace function pipeline.log_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.add_event(p_pipeline, p_job_id, p_stage, p_status, p_message, p_metadata, pipeline.now());
end;
$$;

revoke execute on function pipeline.log_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
