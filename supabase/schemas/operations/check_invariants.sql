-- What must never be: a row here is a defect (or an operator's hand). Columns name the rule and the place.
create or replace function public.check_invariants()
returns table (rule text, pipeline text, job_id uuid, detail text)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v record;
begin
  for v in select p.pipeline, p.queue from pipeline.pipelines as p loop
    return query execute format($q$
      select 'an open stage has its message on the queue', s.pipeline, s.job_id, format('stage %%s, message %%s', s.stage, s.msg_id)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status in ('queued', 'processing')
        and not exists (select 1 from pgmq.%1$I as q where q.msg_id = s.msg_id)
      union all
      select 'an open job has exactly one open stage', j.pipeline, j.id, format('job %%s at %%s', j.status, j.stage)
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status in ('queued', 'processing') and 1 <> (
        select count(*) from pipeline.job_stages as s
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status in ('queued', 'processing'))
      union all
      select 'a finished job has no open stage', j.pipeline, j.id, format('job %%s, stage %%s %%s', j.status, s.stage, s.status)
      from pipeline.jobs as j
      join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id
      where j.pipeline = $1 and j.status in ('completed', 'failed', 'cancelled') and s.status in ('queued', 'processing')
      union all
      select 'a failed job has a dead letter', j.pipeline, j.id, j.stage
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status = 'failed'
        and not exists (select 1 from pipeline.dead_letters as d where d.pipeline = j.pipeline and d.job_id = j.id)
      union all
      select 'no lease is older than its expiry by a minute', s.pipeline, s.job_id, format('stage %%s expired %%s', s.stage, s.lease_expires_at)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status = 'processing' and s.lease_expires_at < pipeline.now() - interval '1 minute'
    $q$, 'q_' || v.queue) using v.pipeline;
  end loop;
end;
$$;

revoke execute on function public.check_invariants() from public, anon, authenticated;
grant execute on function public.check_invariants() to service_role;
