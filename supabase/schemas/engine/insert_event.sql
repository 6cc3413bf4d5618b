-- Inserts an event; job_id may be null.
create or replace function public.insert_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns bigint
language sql
security definer
set search_path = ''
as $$
  select pipeline.add_event(p_pipeline, p_job_id, p_stage, p_status, p_message, p_metadata, pipeline.now());
$$;

revoke execute on function public.insert_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
