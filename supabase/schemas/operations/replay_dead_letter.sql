-- Sends a dead letter's stage back to the queue with the payload it failed with and fresh attempts. Once.
create or replace function public.replay_dead_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_letter pipeline.dead_letters;
  v_hook text;
  v_msg_id bigint;
begin
  select * into v_letter from pipeline.dead_letters as d
  where d.pipeline = p_pipeline and d.id = p_dead_letter_id for update;
  if not found then
    raise exception 'there is no dead letter % in pipeline %', p_dead_letter_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_letter.replayed_at is not null then
    return jsonb_build_object('status', 'already_replayed', 'job_id', v_letter.job_id);
  end if;
  perform 1 from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = v_letter.job_id and j.status = 'failed' for update;
  if not found or v_letter.stage is null then
    return jsonb_build_object('status', 'not_replayable', 'job_id', v_letter.job_id);
  end if;

  update pipeline.job_stages
  set attempt_count = 0, dead_lettered_at = null, dead_letter_reason = null
  where pipeline = p_pipeline and job_id = v_letter.job_id and stage = v_letter.stage;
  v_msg_id := pipeline.queue_stage(p_pipeline, v_letter.job_id, v_letter.stage, v_letter.payload -> 'payload',
    coalesce((v_letter.payload ->> 'priority')::integer, 0));
  update pipeline.jobs set error = null where pipeline = p_pipeline and id = v_letter.job_id;
  select c.retry_hook into v_hook from pipeline.stage_config as c
  where c.pipeline = p_pipeline and c.stage = v_letter.stage;
  if v_hook is not null then
    execute format('select %s($1, $2)', v_hook) using v_letter.job_id, interval '0';
  end if;
  update pipeline.dead_letters set replayed_at = pipeline.now()
  where pipeline = p_pipeline and id = p_dead_letter_id;
  perform pipeline.log_event(p_pipeline, v_letter.job_id, v_letter.stage, 'replayed',
    format('%s replayed from dead letter %s', v_letter.stage, p_dead_letter_id),
    jsonb_build_object('dead_letter_id', p_dead_letter_id, 'msg_id', v_msg_id));
  return jsonb_build_object('status', 'replayed', 'job_id', v_letter.job_id, 'msg_id', v_msg_id);
end;
$$;

revoke execute on function public.replay_dead_letter(text, bigint) from public, anon, authenticated;
grant execute on function public.replay_dead_letter(text, bigint) to service_role;
