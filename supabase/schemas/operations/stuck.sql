-- What cannot go on by itself, one row a place. check_invariants() names it, mend_pipelines() mends it; `kind` is the way:
--   queue   the queue or its indexes are missing                → made again
--   message an open stage has no message that stands for it     → sent again
--   stage   an open job has no open stage                       → its next stage, or its end
--   closed  a finished job has an open stage                    → the stage ends as well
--   letter  a failed job has no dead letter                     → it gets one, so that it can be replayed
--   odd     a message that nobody would ever take               → a dead letter
--   asleep  a stage sleeps until it is woken, and nobody will   → woken
--   lane    a lane has room and somebody waits for it           → let in
create or replace function pipeline.stuck(p_pipeline text, p_limit integer default 1000)
returns table (kind text, job_id uuid, stage text, msg_id bigint, detail text)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
begin
  if to_regclass(format('pgmq.%I', 'q_' || v_queue)) is null or to_regclass(format('pgmq.%I', 'q_' || v_queue || '_rank_idx')) is null then
    return query select 'queue', null::uuid, null::text, null::bigint, format('queue %s', v_queue);
    return;
  end if;
  return query execute format($q$
    (select 'message', s.job_id, s.stage, s.msg_id, format('stage %%s %%s, message %%s', s.stage, s.status, s.msg_id)
    from pipeline.job_stages as s
    join pipeline.jobs as j on j.pipeline = s.pipeline and j.id = s.job_id and j.is_open
    left join pgmq.%1$I as q on q.msg_id = s.msg_id
    where s.pipeline = $1 and s.status in ('queued', 'processing') and coalesce(s.lease_expires_at, '-infinity') <= $2
      and (q.msg_id is null or q.message ->> 'job_id' is distinct from s.job_id::text or q.message ->> 'stage' is distinct from s.stage)
    limit $3)
    union all
    (select 'stage', j.id, j.stage, null, format('job %%s at %%s', j.status, j.stage)
    from pipeline.jobs as j
    where j.pipeline = $1 and j.is_open
      and not exists (
        select from pipeline.job_stages as s
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status in ('queued', 'processing'))
      -- What was completed step by step comes back with its message.
      and not exists (
        select from pipeline.job_stages as s join pgmq.%1$I as q on q.msg_id = s.msg_id
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status = 'completed'
          and q.message ->> 'job_id' = s.job_id::text and q.message ->> 'stage' = s.stage)
    limit $3)
    union all
    (select 'closed', j.id, s.stage, s.msg_id, format('job %%s, stage %%s %%s', j.status, s.stage, s.status)
    from pipeline.job_stages as s
    join pipeline.jobs as j on j.pipeline = s.pipeline and j.id = s.job_id
    where s.pipeline = $1 and s.status in ('queued', 'processing') and not j.is_open
    limit $3)
    union all
    (select 'letter', j.id, j.stage, null, j.stage
    from pipeline.jobs as j
    where j.pipeline = $1 and j.status = 'failed'
      and not exists (select from pipeline.dead_letters as d where d.pipeline = j.pipeline and d.job_id = j.id and d.replayed_at is null)
    limit $3)
    union all
    (select 'odd', null, q.message ->> 'stage', q.msg_id, left(coalesce(q.message::text, 'null'), 200)
    from pgmq.%1$I as q
    where case when jsonb_typeof(q.message) is distinct from 'object' then true
        when q.message ? 'asleep' and jsonb_typeof(q.message -> 'asleep') <> 'number' then true
        when q.message ->> 'stage' is null then true
        else q.enqueued_at <= $2 - interval '15 minutes'
          and not exists (select from pipeline.stage_config as c where c.pipeline = $1 and c.stage = q.message ->> 'stage')
          and not exists (select from pipeline.job_stages as s
            where s.pipeline = $1 and s.job_id::text = q.message ->> 'job_id' and s.stage = q.message ->> 'stage') end
    limit $3)
    union all
    (select 'asleep', s.job_id, s.stage, s.msg_id, format('stage %%s of a job without open children', s.stage)
    from pipeline.job_stages as s join pgmq.%1$I as q on q.msg_id = s.msg_id
    where s.pipeline = $1 and s.status = 'queued' and s.available_at = 'infinity' and not q.message ? 'lane'
      and exists (select from pipeline.jobs as j where j.parent_id = s.job_id)
      and not exists (select from pipeline.jobs as j where j.parent_id = s.job_id and j.is_open)
    limit $3)
    union all
    (select distinct on (q.message ->> 'lane') 'lane', (q.message ->> 'job_id')::uuid, q.message ->> 'stage', q.msg_id, q.message ->> 'lane'
    from pgmq.%1$I as q
    left join pipeline.jobs as j on j.pipeline = $1 and j.id::text = q.message ->> 'job_id'
    where q.message ? 'lane'
      and (select count(*) from pipeline.lane_holders as h
        join pipeline.jobs as o on o.pipeline = h.pipeline and o.id = h.job_id and o.is_open
        where h.lane = q.message ->> 'lane')
        < coalesce((select l.size from pipeline.lane_of(split_part(q.message ->> 'lane', ':', 1), j) as l), 1)
    order by q.message ->> 'lane'
    limit $3)
  $q$, 'q_' || v_queue) using p_pipeline, pipeline.now(), p_limit;
end;
$$;

revoke execute on function pipeline.stuck(text, integer) from public, anon, authenticated;
