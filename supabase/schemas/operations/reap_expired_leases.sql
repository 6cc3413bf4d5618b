-- Takes back the stages whose worker went silent. Their messages are visible again by themselves (pgmq's visibility timeout
-- is the lease); this makes the stage rows say so, with an event, and buries those whose workers go silent time after time.
-- Every half minute it also mends what cannot go on by itself (mend_pipelines).
create or replace function public.reap_expired_leases(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_expired record;
  v_message pipeline.message;
  v_stage pipeline.job_stages;
  v_reaped integer := 0;
  v_buried integer := 0;
  v_mended jsonb := '{}'::jsonb;
begin
  for v_expired in
    select s.pipeline, s.job_id, s.stage, s.msg_id, pipeline.queue_of(s.pipeline) as queue
    from pipeline.job_stages as s
    where s.status = 'processing'
      and coalesce(s.lease_expires_at, s.started_at + make_interval(secs => s.visibility_timeout_seconds)) <= v_now
    order by s.lease_expires_at
    limit p_limit
  loop
    continue when to_regclass(format('pgmq.%I', 'q_' || v_expired.queue)) is null;
    execute format('select q.msg_id, q.read_ct, q.vt, q.message from pgmq.%I as q where q.msg_id = $1 for update skip locked',
      'q_' || v_expired.queue) into v_message using v_expired.msg_id;
    continue when v_message.msg_id is null or v_message.message ->> 'job_id' is distinct from v_expired.job_id::text
      or v_message.message ->> 'stage' is distinct from v_expired.stage; -- held this moment, or lost: mend_pipelines sends it again
    perform 1 from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id for update;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = v_expired.pipeline and s.job_id = v_expired.job_id and s.stage = v_expired.stage for update;
    -- A heartbeat or a new claim may have come first.
    continue when v_stage.status <> 'processing' or v_stage.lease_expires_at > v_now
      or v_stage.msg_id is distinct from v_expired.msg_id;
    v_stage := pipeline.note_silence(v_expired.queue, v_message, v_stage);
    v_reaped := v_reaped + 1;
    v_buried := v_buried + (v_stage.status = 'failed')::integer;
  end loop;

  -- One caller at a time, and not at every doorbell.
  if exists (select from pipeline.pipelines as p where coalesce(p.mended_at, '-infinity') <= v_now - interval '30 seconds' or p.mended_at > v_now)
    and pg_try_advisory_xact_lock(hashtextextended('mend_pipelines', 0))
  then
    v_mended := public.mend_pipelines(p_limit);
  end if;
  return jsonb_build_object('reaped_count', v_reaped,
    'dead_lettered_count', v_buried + coalesce((v_mended ->> 'swept_count')::integer, 0),
    'resent_count', coalesce((v_mended ->> 'resent_count')::integer, 0)) || v_mended;
end;
$$;

revoke execute on function public.reap_expired_leases(integer) from public, anon, authenticated;
