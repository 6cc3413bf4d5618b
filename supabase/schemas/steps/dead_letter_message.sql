-- Moves a message to the dead letters; moving it twice gives the same letter, and nothing happens to another worker's.
create or replace function public.dead_letter_message(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_message jsonb,
  p_reason text, p_details jsonb default null, p_attempt_count integer default 0, p_read_ct integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_id bigint;
begin
  if not pipeline.holds_message(p_queue, p_msg_id, p_read_ct) then
    select d.id into v_id from pipeline.dead_letters as d
    where d.pipeline = v_pipeline and d.msg_id = p_msg_id and d.job_id is not distinct from p_job_id
    order by d.id desc limit 1;
    return v_id;
  end if;
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  return pipeline.bury(v_pipeline, p_queue, p_msg_id, p_message, p_job_id, p_stage, p_reason, p_details, p_attempt_count);
end;
$$;

revoke execute on function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer, integer) from public, anon, authenticated;
