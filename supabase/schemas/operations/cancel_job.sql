-- Ends a job wherever it stands. A stage that runs at this moment finds its lease gone and changes nothing.
create or replace function public.cancel_job(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
  v_status text;
  v_stage text;
begin
  -- Messages first: the one order of locks.
  execute format(
    'select from pgmq.%I as q where q.msg_id in (
       select s.msg_id from pipeline.job_stages as s
       where s.pipeline = $1 and s.job_id = $2 and s.status in (''queued'', ''processing'')) for update',
    'q_' || v_queue) using p_pipeline, p_job_id;
  select j.status into v_status from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_status in ('completed', 'failed', 'cancelled') then
    return jsonb_build_object('status', v_status, 'cancelled', false);
  end if;
  -- A message that came while this waited for the job may be held by who waits for the job now: a claim or a worker's
  -- report, which finds the job cancelled and takes the message away. To wait for it would be a deadlock.
  execute format(
    'delete from pgmq.%1$I as q where q.msg_id in (
       select m.msg_id from pgmq.%1$I as m
       join pipeline.job_stages as s on s.msg_id = m.msg_id and s.stage = m.message ->> ''stage''
       where s.pipeline = $1 and s.job_id = $2 and s.status in (''queued'', ''processing'') and m.message ->> ''job_id'' = $2::text
       for update of m skip locked)',
    'q_' || v_queue) using p_pipeline, p_job_id;
  update pipeline.job_stages
  set status = 'cancelled', lease_expires_at = null, next_retry_at = null, finished_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and status in ('queued', 'processing')
  returning stage into v_stage;
  update pipeline.jobs set status = 'cancelled', cancelled_at = pipeline.now()
  where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, null, 'cancelled', 'job cancelled');
  perform pipeline.tell_hook(p_pipeline, p_job_id, v_stage, 'cancelled');
  return jsonb_build_object('status', 'cancelled', 'cancelled', true);
end;
$$;

revoke execute on function public.cancel_job(text, uuid) from public, anon, authenticated;
