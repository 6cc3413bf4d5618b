-- The lease with its rows locked, and whether it still holds. Locks in the one order: message, page, job.
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
  v_job_id uuid;
  v_page_id uuid;
  v_work pipeline.work;
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

  v_job_id := (v_lease.message ->> 'job_id')::uuid;
  v_page_id := pipeline.page_of(p_pipeline, v_job_id);
  if v_page_id is not null then
    -- Whoever deletes a page takes its jobs after it.
    perform 1 from public.pages as p where p.id = v_page_id for key share;
  end if;
  v_work := pipeline.lock_work(p_pipeline, v_job_id, v_lease.message ->> 'stage');
  v_lease.job_id := v_work.job_id;
  v_lease.page_id := v_work.page_id;
  v_lease.user_id := v_work.user_id;
  v_lease.stage := v_work.stage;
  v_lease.attempt_count := v_work.attempt_count;
  v_lease.max_attempts := v_work.max_attempts;
  v_lease.started_at := v_work.started_at;
  if v_work.job_status = 'cancelled' then
    v_lease.status := 'cancelled';
    -- Cancelling takes no message that is held.
    perform pipeline.delete_message(v_lease.queue, p_msg_id);
  elsif v_work.is_open and v_work.stage_status = 'processing' and v_work.msg_id = p_msg_id and v_work.read_ct = p_read_ct then
    v_lease.status := 'held';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_lease(text, bigint, integer) from public, anon, authenticated;
