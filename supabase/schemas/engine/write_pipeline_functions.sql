-- Writes the functions through which the engine works on messages and on the rows that each transition changes, with one
-- branch a pipeline: static SQL on its own tables, planned once a connection. `execute format` would plan every statement
-- anew, and a statement on the partitioned parents locks and opens all pipelines' tables, at two to three times the cost.
-- Those on messages return the message as it is now (when deleted: as it was), or null when it is gone.
-- Sequential scans are off in them and in the engine's own: a plan made while a queue was nearly empty, when reading it
-- whole is cheapest, would be kept while the queue grows.
--
-- A message that is put back for later carries its time under the key "asleep" (pipeline.put_to_sleep), which keeps it
-- out of the claim index; the first claim after that time removes the key. One that waits for its lane names it under
-- "lane". A message that was delayed without it, by pgmq.send, is served all the same, only slower.
create or replace function pipeline.write_pipeline_functions()
returns void
language plpgsql
set search_path = ''
as $function$
declare
  v_function record;
  v_key text;
  v_result text;
begin
  for v_function in select * from (values
    -- Messages whose time has come are asleep no more.
    ('wake_messages(p_queue text, p_now timestamptz)', $$
      if exists (select from pgmq.%1$I as m where m.message ? 'asleep' and m.message -> 'asleep' <= to_jsonb(pipeline.wake_time(p_now))) then
      update pgmq.%1$I as q set message = q.message - 'asleep'
      where q.msg_id = any (array( -- an array is looked up by key; a join may be planned over the whole queue
        select m.msg_id from pgmq.%1$I as m
        where m.message ? 'asleep' and m.message -> 'asleep' <= to_jsonb(pipeline.wake_time(p_now))
        order by m.message -> 'asleep' limit 50 for update skip locked));
      end if;$$),
    -- The next visible message of a stage, as pgmq.read does: hidden until p_visible_at.
    ('read_message(p_queue text, p_stage text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.message ->> 'stage' = p_stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce(m.message -> 'rank', '0'::jsonb), m.msg_id
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- The same over all stages: one step of the index a stage, and of their next messages the one that was handed on least
    -- often, so that nobody's own waits behind what they can only forward.
    ('read_any_message(p_queue text, p_now timestamptz, p_visible_at timestamptz)', $$
      with recursive stages as (
        (select m.message ->> 'stage' as stage from pgmq.%1$I as m where not m.message ? 'asleep' and m.message ->> 'stage' is not null
         order by m.message ->> 'stage' limit 1)
        union all
        select (select m.message ->> 'stage' from pgmq.%1$I as m where not m.message ? 'asleep' and m.message ->> 'stage' > s.stage
                order by m.message ->> 'stage' limit 1)
        from stages as s where s.stage is not null
      )
      select h.msg_id, h.read_ct, h.vt, h.message into v_message
      from stages as s
      cross join lateral (
        select m.* from pgmq.%1$I as m
        where m.message ->> 'stage' = s.stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce(m.message -> 'rank', '0'::jsonb), m.msg_id
        limit 1 for update skip locked) as h
      order by coalesce(h.message -> 'turn', '0'::jsonb), coalesce(h.message -> 'rank', '0'::jsonb), h.msg_id
      limit 1;
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at where q.msg_id = v_message.msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- Who waits longest for a lane.
    ('next_in_lane(p_queue text, p_lane text)', $$
      select m.msg_id, m.read_ct, m.vt, m.message into v_message from pgmq.%1$I as m
      where m.message ? 'lane' and m.message ->> 'lane' = p_lane
      order by m.message -> 'rank', m.msg_id limit 1 for update skip locked;$$),
    ('find_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id;$$),
    ('lock_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id for update;$$),
    ('send_message(p_queue text, p_message jsonb, p_visible_at timestamptz)', $$
      insert into pgmq.%1$I as q (vt, message) values (p_visible_at, p_message)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('set_message(p_queue text, p_msg_id bigint, p_message jsonb, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set vt = p_visible_at, message = p_message where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('delete_message(p_queue text, p_msg_id bigint)', $$
      delete from pgmq.%1$I as q where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),

    -- Rows of one job, and of the stage that is worked on. Stages are changed by who has locked their job.
    ('find_stage(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select * into v_stage from public.%3$I as s where s.job_id = p_job_id and s.stage = p_stage;$$),
    ('page_of(p_pipeline text, p_job_id uuid)', $$
      select j.page_id into v_id from public.%2$I as j where j.id = p_job_id;$$),
    ('lock_work(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select j.id, j.status, j.is_open, j.page_id, j.user_id, s.stage, s.status, s.msg_id, s.read_ct, s.attempt_count, s.max_attempts, s.started_at
      into v_work from public.%2$I as j left join public.%3$I as s on s.job_id = j.id and s.stage = p_stage
      where j.id = p_job_id for update of j;$$),
    -- Null as well when somebody else holds the job.
    ('try_work(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select j.id, j.status, j.is_open, j.page_id, j.user_id, s.stage, s.status, s.msg_id, s.read_ct, s.attempt_count, s.max_attempts, s.started_at
      into v_work from public.%2$I as j left join public.%3$I as s on s.job_id = j.id and s.stage = p_stage
      where j.id = p_job_id for update of j skip locked;$$),
    ('count_running(p_pipeline text, p_stage text, p_now timestamptz)', $$
      select count(*) into v_count from public.%3$I as s
      where s.stage = p_stage and s.status = 'processing' and s.lease_expires_at > p_now;$$),

    -- The steps themselves, each in one statement.
    ('add_event(p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb, p_now timestamptz)', $$
      insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
      values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), p_now)
      returning id into v_count;$$),
    ('mark_queued(p_pipeline text, p_job_id uuid, p_stage text, p_now timestamptz)', $$
      update public.%2$I as j
      set stage = p_stage, status = 'queued', last_queued_at = p_now, first_queued_at = coalesce(first_queued_at, p_now), updated_at = p_now
      where j.id = p_job_id returning * into v_job;$$),
    ('send_stage(p_pipeline text, p_job_id uuid, p_stage text, p_message jsonb, p_config pipeline.stage_config, p_available_at timestamptz, p_now timestamptz)', $$
      with message as (
        insert into pgmq.%1$I (vt, message) values (p_available_at, p_message) returning msg_id
      )
      insert into public.%3$I (
        pipeline, job_id, stage, status, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
        priority, visibility_timeout_seconds, available_at, queued_at
      )
      select p_pipeline, p_job_id, p_stage, 'queued', m.msg_id,
        coalesce(p_config.max_attempts, 5), coalesce(p_config.retry_delay_seconds, 10), coalesce(p_config.max_retry_delay_seconds, 900),
        (p_message ->> 'priority')::integer, coalesce(p_config.visibility_seconds, 600), p_available_at, p_now
      from message as m returning msg_id into v_count;$$),
    ('mark_started(p_pipeline text, p_job_id uuid, p_stage text, p_msg_id bigint, p_read_ct integer, p_lease_expires_at timestamptz, p_now timestamptz)', $$
      with started as (
        update public.%3$I
        set status = 'processing', attempt_count = attempt_count + 1, started_at = p_now, finished_at = null,
            read_ct = p_read_ct, lease_expires_at = p_lease_expires_at, next_retry_at = null, wake_requested_at = null
        where job_id = p_job_id and stage = p_stage returning *
      ), job as (
        update public.%2$I
        set status = 'processing', stage = p_stage, attempt_count = attempt_count + 1, last_dequeued_at = p_now, updated_at = p_now
        where id = p_job_id
      ), event as (
        insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
        select p_pipeline, p_job_id, p_stage, 'started', p_stage || ' started',
          jsonb_build_object('attempt', s.attempt_count, 'msg_id', p_msg_id,
            'waited_ms', round(extract(epoch from p_now - greatest(s.queued_at, s.available_at)) * 1000)), p_now
        from started as s
      )
      select * into v_stage from started as s;$$),
    ('mark_completed(p_lease pipeline.lease, p_payload jsonb, p_facts jsonb, p_now timestamptz)', $$
      with payload as (
        insert into public.%5$I (pipeline, job_id, stage, data) values (p_lease.pipeline, p_lease.job_id, p_lease.stage, p_payload)
        on conflict (job_id, stage) do update set data = excluded.data
      ), message as (
        delete from pgmq.%1$I where msg_id = p_lease.msg_id
      ), event as (
        insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
        values (p_lease.pipeline, p_lease.job_id, p_lease.stage, 'completed', p_lease.stage || ' completed',
          jsonb_build_object('attempt', p_lease.attempt_count, 'msg_id', p_lease.msg_id,
            'duration_ms', round(extract(epoch from p_now - p_lease.started_at) * 1000)) || p_facts, p_now)
      )
      update public.%3$I
      set status = 'completed', finished_at = p_now, lease_expires_at = null, last_error = null, silent_count = 0
      where job_id = p_lease.job_id and stage = p_lease.stage returning msg_id into v_count;$$)
  ) as f (signature, statements)
  loop
    -- Which of the two names a branch, and what comes back, is to be seen in the text.
    v_key := replace(substring(v_function.signature from '\((\w+)'), 'p_lease', 'p_lease.pipeline');
    v_result := substring(v_function.statements from 'into v_(\w+)');
    execute format(
      $$create or replace function pipeline.%1$s returns %3$s language plpgsql
        set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $body$
        declare
          v_%4$s %3$s;
        begin
          case %5$s%2$s
          else
            raise exception '%% is no pipeline''s', %5$s using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
          end case;
          return v_%4$s;
        end;
        $body$;
        revoke execute on function pipeline.%1$s from public, anon, authenticated$$,
      v_function.signature,
      (select string_agg(
         format(E'\n          when %L then', case v_key when 'p_queue' then p.queue else p.pipeline end)
         || format(v_function.statements, 'q_' || p.queue, p.pipeline || '_jobs', p.pipeline || '_job_stages',
              p.pipeline || '_job_events', p.pipeline || '_payloads'), '' order by p.pipeline)
       from pipeline.pipelines as p),
      case v_result when 'job' then 'pipeline.jobs' when 'stage' then 'pipeline.job_stages' when 'work' then 'pipeline.work'
        when 'id' then 'uuid' when 'count' then 'bigint' else 'pipeline.message' end,
      coalesce(v_result, 'message'), v_key);
  end loop;
end;
$function$;

revoke execute on function pipeline.write_pipeline_functions() from public, anon, authenticated;
