-- What must never be: a row here is a defect, or an operator's hand; the reaper mends it. Columns name the rule and the place.
create or replace function public.check_invariants()
returns table (rule text, pipeline text, job_id uuid, detail text)
language sql
stable
security definer
set search_path = ''
as $$
  select case s.kind
      when 'queue' then 'a pipeline has its queue and its indexes'
      when 'message' then 'an open stage has its message on the queue'
      when 'stage' then 'an open job has exactly one open stage'
      when 'closed' then 'a finished job has no open stage'
      when 'letter' then 'a failed job has a dead letter'
      when 'odd' then 'every message can be taken'
      when 'asleep' then 'what sleeps will be woken'
      else 'a lane with room has nobody waiting' end,
    p.pipeline, s.job_id, s.detail
  from pipeline.pipelines as p
  cross join lateral pipeline.stuck(p.pipeline) as s
  union all
  select 'an open job has exactly one open stage', s.pipeline, s.job_id, string_agg(s.stage, ', ')
  from pipeline.job_stages as s
  where s.status in ('queued', 'processing')
  group by s.pipeline, s.job_id having count(*) > 1
  union all
  select 'no lease is older than its expiry by a minute', s.pipeline, s.job_id, format('stage %s expired %s', s.stage, s.lease_expires_at)
  from pipeline.job_stages as s
  where s.status = 'processing' and s.lease_expires_at < pipeline.now() - interval '1 minute'
  union all
  select 'a lane holds no more than its size', h.pipeline, null, h.lane
  from pipeline.lane_holders as h
  where h.lane like 'page:%'
  group by h.pipeline, h.lane having count(*) > 1
  union all
  select 'a completed job has a time', j.pipeline, j.id, j.stage
  from pipeline.jobs as j where j.status = 'completed' and j.completed_at is null;
$$;

revoke execute on function public.check_invariants() from public, anon, authenticated;
