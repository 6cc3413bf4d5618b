-- Takes back the stages whose worker went silent. Their messages are visible again by themselves (pgmq's
-- visibility timeout is the lease); this makes the stage rows say so, with an event, and buries those whose
-- attempts are used up. Sends a lost message again. Sweeps messages that name no stage, which no claim would find.
create or replace function public.reap_expired_leases(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_expired record;
  v_pipeline record;
  v_msg record;
  v_stage pipeline.job_stages;
  v_reaped integer := 0;
  v_buried integer := 0;
  v_resent integer := 0;
  v_swept integer := 0;
begin
  for v_expired in
    select s.pipeline, s.job_id, s.stage, s.msg_id, p.queue
    from pipeline.job_stages as s
    join pipeline.pipelines as p on p.pipeline = s.pipeline
    where s.status = 'processing' and coalesce(s.lease_expires_at, s.started_at + make_interval(secs => s.visibility_timeout_seconds)) <= v_now
    order by s.lease_expires_at
    limit p_limit
  loop
    execute format('select q.msg_id, q.message from pgmq.%I as q where q.msg_id = $1 for update skip locked', 'q_' || v_expired.queue)
      into v_msg using v_expired.msg_id;
    perform 1 from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id for update;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = v_expired.pipeline and s.job_id = v_expired.job_id and s.stage = v_expired.stage for update;
    -- A heartbeat or a new claim may have come first.
    continue when v_stage.status <> 'processing' or v_stage.lease_expires_at > v_now
      or v_stage.msg_id is distinct from v_expired.msg_id;

    if v_msg.msg_id is null then
      execute format('select q.msg_id from pgmq.%I as q where q.msg_id = $1', 'q_' || v_expired.queue)
        into v_msg using v_expired.msg_id;
      continue when v_msg.msg_id is not null; -- held by a claim this moment
    end if;

    v_reaped := v_reaped + 1;
    perform pipeline.log_event(v_expired.pipeline, v_expired.job_id, v_expired.stage, 'lease_expired',
      format('%s: the worker went silent', v_expired.stage),
      jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_expired.msg_id));
    if v_msg.msg_id is null then
      v_resent := v_resent + 1;
      perform pipeline.queue_stage(v_expired.pipeline, v_expired.job_id, v_expired.stage,
        (select j.payload from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id)
          || coalesce(pipeline.latest_payload(v_expired.pipeline, v_expired.job_id), '{}'::jsonb),
        v_stage.priority);
    elsif v_stage.attempt_count >= v_stage.max_attempts then
      v_buried := v_buried + 1;
      perform pipeline.bury(v_expired.pipeline, v_expired.queue, v_msg.msg_id, v_msg.message, v_expired.job_id,
        v_expired.stage, 'worker_died', coalesce(v_stage.last_error, '{}'::jsonb)
          || jsonb_build_object('message', 'every attempt ended without a report'), v_stage.attempt_count);
    else
      update pipeline.job_stages
      set status = 'queued', lease_expires_at = null, available_at = v_now
      where pipeline = v_expired.pipeline and job_id = v_expired.job_id and stage = v_expired.stage;
      update pipeline.jobs set status = 'queued'
      where pipeline = v_expired.pipeline and id = v_expired.job_id and status = 'processing';
    end if;
  end loop;

  for v_pipeline in select p.pipeline, p.queue from pipeline.pipelines as p loop
    for v_msg in execute format(
      'select q.msg_id, q.message, q.read_ct from pgmq.%I as q
       where q.message ->> ''stage'' is null and q.vt <= $1 and not q.message ? ''asleep''
       limit 100 for update skip locked', 'q_' || v_pipeline.queue)
      using v_now
    loop
      v_swept := v_swept + 1;
      perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, v_msg.msg_id, v_msg.message, null, null,
        'unreadable_message', null, v_msg.read_ct);
    end loop;
  end loop;

  return jsonb_build_object('reaped_count', v_reaped, 'dead_lettered_count', v_buried + v_swept, 'resent_count', v_resent);
end;
$$;

revoke execute on function public.reap_expired_leases(integer) from public, anon, authenticated;
grant execute on function public.reap_expired_leases(integer) to service_role;
