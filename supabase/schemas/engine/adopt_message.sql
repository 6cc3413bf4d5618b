-- Makes the stage row of a message that was sent by hand, with pgmq.send.
create or replace function pipeline.adopt_message(
  p_pipeline text, p_job_id uuid, p_stage text, p_message pipeline.message, p_visibility_seconds integer
)
returns pipeline.job_stages
language sql
set search_path = ''
as $$
  insert into pipeline.job_stages (
    pipeline, job_id, stage, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    priority, visibility_timeout_seconds)
  select p_pipeline, p_job_id, p_stage, p_message.msg_id,
    coalesce(c.max_attempts, 5), coalesce(c.retry_delay_seconds, 10), coalesce(c.max_retry_delay_seconds, 900),
    case when jsonb_typeof(p_message.message -> 'priority') = 'number' then (p_message.message ->> 'priority')::numeric::integer else 0 end,
    p_visibility_seconds
  from (select) as one
  left join pipeline.stage_config as c on c.pipeline = p_pipeline and c.stage = p_stage
  returning *;
$$;

revoke execute on function pipeline.adopt_message(text, uuid, text, pipeline.message, integer) from public, anon, authenticated;
