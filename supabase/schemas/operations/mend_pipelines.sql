-- Mends what pipeline.stuck() finds, each with an event 'mended' that says what was done; returns how many of each.
create or replace function public.mend_pipelines(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline record;
  v record;
  v_now timestamptz := pipeline.now();
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
  v_payload jsonb;
  v_sent jsonb;
  v_next text;
  v_done text;
  v_counts jsonb := '{"resent_count": 0, "swept_count": 0, "mended_count": 0}'::jsonb;
  v_name text;
  v_event text;
begin
  for v_pipeline in select p.pipeline, p.queue from pipeline.pipelines as p order by p.pipeline loop
    update pipeline.pipelines as p set mended_at = v_now where p.pipeline = v_pipeline.pipeline;
    for v in select * from pipeline.stuck(v_pipeline.pipeline, p_limit) loop
      v_done := null;
      v_name := 'mended_count';
      v_event := 'mended';
      v_job := null;
      v_stage := null;
      if v.kind = 'queue' then
        perform pipeline.add_pipeline(v_pipeline.pipeline, v_pipeline.queue);
        v_done := format('%s was made again', v.detail);
      elsif v.kind = 'odd' then
        v_message := pipeline.lock_message(v_pipeline.queue, v.msg_id);
        continue when v_message.msg_id is null;
        perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, v.msg_id, v_message.message, null, v.stage,
          'unreadable_message', null, v_message.read_ct);
        v_event := 'unreadable';
        v_done := 'a message that nobody would take became a dead letter';
        v_name := 'swept_count';
      elsif v.kind = 'lane' then
        perform pg_advisory_xact_lock(hashtextextended('lane:' || v.detail, 0));
        delete from pipeline.lane_holders as h
        where h.lane = v.detail
          and not exists (select from pipeline.jobs as j where j.pipeline = h.pipeline and j.id = h.job_id and j.is_open);
        if pipeline.admit_waiting(v_pipeline.pipeline, v.detail) > 0 then
          v_done := format('%s: let into its lane', v.stage);
        end if;
      else
        select * into v_job from pipeline.jobs as j
        where j.pipeline = v_pipeline.pipeline and j.id = v.job_id for update skip locked;
        continue when not found; -- somebody is at it
        -- A worker that goes step by step may be just about to.
        continue when v.kind = 'stage'
          and greatest(v_job.last_queued_at, v_job.last_dequeued_at, v_job.last_completed_at) > v_now - interval '1 minute';
        select * into v_stage from pipeline.job_stages as s
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id and s.stage = v.stage;
      end if;
      v_payload := v_job.payload || coalesce(pipeline.latest_payload(v_pipeline.pipeline, v.job_id), '{}'::jsonb);

      case v.kind
      when 'message' then
        -- As it was, when it was only archived.
        execute format('select a.message -> ''payload'' from pgmq.%I as a where a.msg_id = $1 and a.message ->> ''job_id'' = $2',
          'a_' || v_pipeline.queue) into v_sent using v.msg_id, v.job_id::text;
        perform pipeline.queue_stage(v_pipeline.pipeline, v.job_id, v.stage, coalesce(v_sent, v_payload), v_stage.priority);
        v_done := format('%s: its message was lost and is sent again', v.stage);
        v_name := 'resent_count';
      when 'stage' then
        select s.* into v_stage from pipeline.job_stages as s
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id order by s.finished_at desc nulls last limit 1;
        if v_stage.status = 'completed' then
          select c.next_stage into v_next from pipeline.stage_config as c
          where c.pipeline = v_pipeline.pipeline and c.stage = v_stage.stage;
          if not found then
            v_next := nullif(v_job.stage, v_stage.stage);
          end if;
        else
          v_next := v_job.stage;
        end if;
        if v_stage.status in ('failed', 'cancelled') then
          perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, null,
            jsonb_build_object('job_id', v.job_id, 'stage', v_stage.stage, 'payload', v_payload, 'priority', v_job.priority),
            v.job_id, v_stage.stage, 'stage_' || v_stage.status, v_stage.last_error, v_stage.attempt_count);
          v_done := format('the job of a %s stage failed with it', v_stage.status);
        elsif v_next is null then
          update pipeline.jobs as j set status = 'completed', result = coalesce(j.result, v_payload)
          where j.pipeline = v_pipeline.pipeline and j.id = v.job_id;
          v_done := 'its last stage was done: the job is completed';
        else
          perform pipeline.queue_stage(v_pipeline.pipeline, v.job_id, v_next, v_payload, v_job.priority);
          v_done := format('%s: nobody had queued it', v_next);
        end if;
      when 'closed' then
        v_message := pipeline.lock_own_message(v_pipeline.queue, v.msg_id, v.job_id, v.stage);
        perform pipeline.delete_message(v_pipeline.queue, v_message.msg_id);
        update pipeline.job_stages as s set status = 'cancelled', lease_expires_at = null, finished_at = v_now
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id and s.stage = v.stage and s.status in ('queued', 'processing');
        v_done := format('%s: ends with its job', v.stage);
      when 'letter' then
        insert into pipeline.dead_letters (pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at)
        values (v_pipeline.pipeline, v_pipeline.queue, v_stage.msg_id, v.job_id, v.stage,
          jsonb_build_object('job_id', v.job_id, 'stage', v.stage, 'payload', v_payload, 'priority', v_job.priority),
          'unknown', coalesce(v_stage.last_error, v_job.error), coalesce(v_stage.attempt_count, 0), v_now);
        v_done := 'a dead letter was missing';
      when 'asleep' then
        if pipeline.wake_stage(v_pipeline.pipeline, v.job_id, v.stage) then
          v_done := format('%s: woken, its children have ended', v.stage);
        end if;
      else
        null;
      end case;
      if v_done is not null then
        perform pipeline.log_event(v_pipeline.pipeline, v.job_id, v.stage, v_event, v_done,
          jsonb_strip_nulls(jsonb_build_object('kind', v.kind, 'msg_id', v.msg_id)));
        v_counts := jsonb_set(v_counts, array[v_name], to_jsonb((v_counts ->> v_name)::integer + 1));
      end if;
    end loop;
  end loop;
  return v_counts || jsonb_build_object('crawl_count', pipeline.submit_crawls(p_limit), 'import_count', pipeline.start_due_imports());
end;
$$;

revoke execute on function public.mend_pipelines(integer) from public, anon, authenticated;
