-- The content pipeline (PlanPerfect): the same engine, its own queue, tables and stages. Its workers are written step by
-- step on functions/_shared and deployed by their owners.

do $$ begin perform pipeline.add_pipeline('content', 'content'); end $$;

insert into pipeline.stage_config (pipeline, stage, position, next_stage, queue, worker, max_concurrency, trigger_batch_size)
values
  ('content', 'research', 1, 'outline', 'content', 'content-research-worker', 3, 1),
  ('content', 'outline', 2, 'draft', 'content', 'content-outline-worker', 3, 1),
  ('content', 'draft', 3, 'qa', 'content', 'content-draft-worker', 2, 1),
  ('content', 'qa', 4, 'export', 'content', 'content-qa-worker', 2, 1),
  ('content', 'export', 5, 'complete', 'content', 'content-export-worker', 2, 1),
  ('content', 'complete', 6, null, 'content', 'content-complete-worker', 2, 1)
on conflict (pipeline, stage) do nothing;

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
