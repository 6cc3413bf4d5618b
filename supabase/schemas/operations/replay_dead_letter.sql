-- Sends a dead letter's stage back to the queue with the payload it failed with and fresh attempts. Once. A job whose page
-- another one has taken since begins with the first stage that works on the page.
create or replace function public.replay_dead_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_letter pipeline.dead_letters;
  v_job pipeline.jobs;
  v_first text;
  v_stage text;
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
  select * into v_job from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = v_letter.job_id and j.status = 'failed' for update;
  if not found or v_letter.stage is null then
    return jsonb_build_object('status', 'not_replayable', 'job_id', v_letter.job_id);
  end if;

  v_stage := v_letter.stage;
  select f.stage into v_first
  from pipeline.stage_config as c
  join pipeline.stage_config as f on f.pipeline = c.pipeline and f.lane = c.lane
  where c.pipeline = p_pipeline and c.stage = v_stage and c.lane = 'page'
  order by f.position limit 1;
  if exists (
    select from pipeline.jobs as o
    join pipeline.job_stages as s on s.pipeline = o.pipeline and s.job_id = o.id
    where o.pipeline = p_pipeline and o.page_id = v_job.page_id and o.id <> v_job.id
      and s.stage = v_first and s.started_at > v_letter.routed_at
  ) then
    v_stage := v_first;
  end if;

  perform pipeline.reopen_job(p_pipeline, v_letter.job_id);
  v_msg_id := pipeline.queue_stage(p_pipeline, v_letter.job_id, v_stage, (v_letter.payload -> 'payload') - 'progress',
    coalesce((v_letter.payload ->> 'priority')::integer, 0));
  perform pipeline.tell_hook(p_pipeline, v_letter.job_id, v_letter.stage, 'replayed');
  perform pipeline.log_event(p_pipeline, v_letter.job_id, v_stage, 'replayed',
    format('%s replayed from dead letter %s', v_stage, p_dead_letter_id),
    jsonb_build_object('dead_letter_id', p_dead_letter_id, 'msg_id', v_msg_id));
  return jsonb_build_object('status', 'replayed', 'job_id', v_letter.job_id, 'msg_id', v_msg_id);
end;
$$;

revoke execute on function public.replay_dead_letter(text, bigint) from public, anon, authenticated;
