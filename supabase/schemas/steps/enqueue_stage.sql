-- Queues a stage of a job; null when the job is finished, which only a replay changes, or when the caller names the message
-- it works on (p_msg_id, p_read_ct) and that is no longer its own.
create or replace function public.enqueue_stage(
  p_queue text, p_job_id uuid, p_stage text, p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0, p_delay_seconds integer default 0, p_msg_id bigint default null, p_read_ct integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_is_open boolean;
begin
  if p_msg_id is not null and not pipeline.holds_message(p_queue, p_msg_id, p_read_ct) then
    return null;
  end if;
  select j.is_open into v_is_open from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, v_pipeline using errcode = 'P0002';
  elsif not v_is_open then
    return null;
  end if;
  return pipeline.queue_stage(v_pipeline, p_job_id, p_stage, p_payload, p_priority,
    make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)));
end;
$$;

revoke execute on function public.enqueue_stage(text, uuid, text, jsonb, integer, integer, bigint, integer) from public, anon, authenticated;
