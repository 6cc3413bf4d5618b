-- Creates a content job and queues its first stage.
create or replace function public.create_content_job(
  p_payload jsonb default '{}'::jsonb, p_initial_stage text default 'research', p_priority integer default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid;
begin
  insert into pipeline.jobs (pipeline, stage, payload, priority)
  values ('content', p_initial_stage, coalesce(p_payload, '{}'::jsonb), coalesce(p_priority, 0))
  returning id into v_id;
  perform pipeline.log_event('content', v_id, null, 'created', 'job created');
  perform pipeline.queue_stage('content', v_id, p_initial_stage, p_payload, p_priority);
  return jsonb_build_object('job_id', v_id);
end;
$$;

revoke execute on function public.create_content_job(jsonb, text, integer) from public, anon, authenticated;
