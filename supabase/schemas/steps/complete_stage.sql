-- Marks a stage as done; false when it was not running, or runs under another delivery.
create or replace function public.complete_stage(p_pipeline text, p_job_id uuid, p_stage text, p_read_ct integer default null)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  perform 1 from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  update pipeline.job_stages
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null, silent_count = 0
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage and status = 'processing'
    and read_ct = coalesce(p_read_ct, read_ct)
  returning * into v_stage;
  if not found then
    return false;
  end if;
  update pipeline.jobs set last_completed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'completed', format('%s completed', p_stage),
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_stage.msg_id,
      'duration_ms', round(extract(epoch from v_now - v_stage.started_at) * 1000)));
  return true;
end;
$$;

revoke execute on function public.complete_stage(text, uuid, text, integer) from public, anon, authenticated;
