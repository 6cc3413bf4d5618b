-- Puts the message back for later, with its place in line and its attempts. Returns its id, null when it is gone or
-- another worker's.
create or replace function public.requeue_stage(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_payload jsonb default null,
  p_delay_seconds integer default 0, p_priority integer default null, p_read_ct integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := v_now + make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0));
  v_message pipeline.message := pipeline.lock_own_message(p_queue, p_msg_id, p_job_id, p_stage);
  v_job pipeline.jobs;
begin
  if v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    return null;
  end if;
  update pipeline.jobs set status = 'queued', last_queued_at = v_now
  where pipeline = v_pipeline and id = p_job_id and is_open
  returning * into v_job;
  perform pipeline.set_message(p_queue, p_msg_id, pipeline.put_to_sleep(
    v_message.message
      || case when p_payload is null then '{}'::jsonb else jsonb_build_object('payload', p_payload) end
      || case when p_priority is null then '{}'::jsonb else jsonb_build_object('priority', p_priority,
           'rank', pipeline.rank_of(pipeline.place_job(v_job), v_job.created_at, p_priority)) end,
    v_until, v_now), v_until);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, available_at = v_until, silent_count = 0,
      next_retry_at = case when attempt_count > 0 then v_until end, priority = coalesce(p_priority, priority)
  where pipeline = v_pipeline and job_id = p_job_id and stage = p_stage and msg_id = p_msg_id
    and status in ('queued', 'processing');
  perform pipeline.log_event(v_pipeline, p_job_id, p_stage, 'requeued', format('%s requeued', p_stage),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', coalesce(p_delay_seconds, 0)));
  return p_msg_id;
end;
$$;

revoke execute on function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer, integer) from public, anon, authenticated;
