-- The lease with its rows locked, and whether it still holds. Locks in the one order: message, page, job, stage.
create or replace function pipeline.lock_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_message pipeline.message;
  v_lease pipeline.lease;
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
begin
  v_lease.status := 'lease_lost';
  v_lease.pipeline := p_pipeline;
  v_lease.queue := pipeline.queue_of(p_pipeline);
  v_message := pipeline.lock_message(v_lease.queue, p_msg_id);
  if v_message.msg_id is null or v_message.read_ct <> p_read_ct then
    return v_lease;
  end if;
  v_lease.msg_id := v_message.msg_id;
  v_lease.read_ct := v_message.read_ct;
  v_lease.message := v_message.message;

  -- Whoever deletes a page takes its jobs after it.
  perform 1 from public.pages as p
  where p.id = (select j.page_id from pipeline.jobs as j
    where j.pipeline = p_pipeline and j.id = (v_lease.message ->> 'job_id')::uuid) for key share;
  select * into v_job from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = (v_lease.message ->> 'job_id')::uuid for update;
  select * into v_stage from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = v_job.id and s.stage = v_lease.message ->> 'stage' for update;
  v_lease.job_id := v_job.id;
  v_lease.page_id := v_job.page_id;
  v_lease.user_id := v_job.user_id;
  v_lease.stage := v_stage.stage;
  v_lease.attempt_count := v_stage.attempt_count;
  v_lease.max_attempts := v_stage.max_attempts;
  v_lease.started_at := v_stage.started_at;
  if v_job.status = 'cancelled' then
    v_lease.status := 'cancelled';
    -- Cancelling takes no message that is held.
    perform pipeline.delete_message(v_lease.queue, p_msg_id);
  elsif v_job.is_open and v_stage.status = 'processing' and v_stage.msg_id = p_msg_id and v_stage.read_ct = p_read_ct then
    v_lease.status := 'held';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_lease(text, bigint, integer) from public, anon, authenticated;
