-- Writes the functions through which the engine works on messages, with one branch a queue: static SQL, planned once
-- a connection, where `execute format` would plan every statement of every transition anew.
-- Each returns the message as it is now (when deleted: as it was), or null when it is gone.
-- Sequential scans are off in them and in the engine's own: a plan made while a queue was nearly empty, when reading it
-- whole is cheapest, would be kept while the queue grows.
--
-- A message that is put back for later carries its time under the key "asleep" (pipeline.put_to_sleep), which keeps it
-- out of the claim index; the first claim after that time removes the key. One that waits for its lane names it under
-- "lane". A message that was delayed without it, by pgmq.send, is served all the same, only slower.
create or replace function pipeline.write_queue_functions()
returns void
language plpgsql
set search_path = ''
as $function$
declare
  v_function record;
begin
  for v_function in select * from (values
    -- Messages whose time has come are asleep no more.
    ('wake_messages(p_queue text, p_now timestamptz)', $$
      update pgmq.%1$I as q set message = q.message - 'asleep'
      where q.msg_id = any (array( -- an array is looked up by key; a join may be planned over the whole queue
        select m.msg_id from pgmq.%1$I as m
        where m.message ? 'asleep' and m.message -> 'asleep' <= to_jsonb(pipeline.wake_time(p_now))
        order by m.message -> 'asleep' limit 50 for update skip locked));$$),
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
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$)
  ) as f (signature, statements)
  loop
    execute format(
      $$create or replace function pipeline.%1$s returns pipeline.message language plpgsql
        set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $body$
        declare
          v_message pipeline.message;
        begin
          case p_queue%2$s
          else
            raise exception 'queue %% belongs to no pipeline', p_queue using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
          end case;
          return v_message;
        end;
        $body$;
        revoke execute on function pipeline.%1$s from public, anon, authenticated$$,
      v_function.signature,
      (select string_agg(format(E'\n          when %L then', p.queue) || format(v_function.statements, 'q_' || p.queue), '' order by p.queue)
       from pipeline.pipelines as p));
  end loop;
end;
$function$;

revoke execute on function pipeline.write_queue_functions() from public, anon, authenticated;
