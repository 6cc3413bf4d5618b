-- Finishes a stage: hands its facts on, records it, and sends the next stage's message (or completes the job)
-- as it takes the old one away. p_is_last: what would follow has nothing to do for this job. The caller has checked the lease and written the stage's output rows.
create or replace function pipeline.finish_stage(
  p_lease pipeline.lease,
  p_facts jsonb default '{}'::jsonb,
  p_result jsonb default null,
  p_is_last boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_facts jsonb := coalesce(p_facts, '{}'::jsonb);
  -- 'progress' is the stage's own note from one invocation to the next.
  v_payload jsonb := (coalesce(p_lease.message -> 'payload', '{}'::jsonb) - 'progress') || v_facts;
  v_priority integer := coalesce((p_lease.message ->> 'priority')::integer, 0);
  v_next text;
  v_msg_id bigint;
  v_created_at timestamptz;
begin
  select c.next_stage into v_next from pipeline.stage_config as c
  where c.pipeline = p_lease.pipeline and c.stage = p_lease.stage and not p_is_last;
  if v_next is not null then
    if p_result is not null then
      update pipeline.jobs set result = p_result where pipeline = p_lease.pipeline and id = p_lease.job_id;
    end if;
    v_msg_id := pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, v_next, v_payload, v_priority, '0',
      (p_lease.message ->> 'rank')::bigint, false);
    v_facts := v_facts || jsonb_build_object('next_stage', v_next, 'next_msg_id', v_msg_id, 'priority', v_priority);
  end if;
  v_msg_id := pipeline.mark_completed(p_lease, v_payload, v_facts, v_now);
  if v_next is null then
    update pipeline.jobs
    set status = 'completed', completed_at = v_now, last_completed_at = v_now, error = null,
        result = coalesce(p_result, result, v_payload)
    where pipeline = p_lease.pipeline and id = p_lease.job_id
    returning created_at into v_created_at;
    perform pipeline.add_event(p_lease.pipeline, p_lease.job_id, null, 'job_completed', 'job completed',
      jsonb_build_object('duration_ms', round(extract(epoch from v_now - v_created_at) * 1000)), v_now);
  end if;
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', v_next);
end;
$$;

revoke execute on function pipeline.finish_stage(pipeline.lease, jsonb, jsonb, boolean) from public, anon, authenticated;
