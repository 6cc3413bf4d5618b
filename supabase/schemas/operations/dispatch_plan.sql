-- Which workers to invoke now, and how often: what waits, what runs, what the stage's limits allow.
create or replace function public.dispatch_plan(p_pipeline text default null)
returns table (pipeline text, stage text, queue text, worker text, trigger_count integer)
language sql
stable
security definer
set search_path = ''
as $$
  with room as (
    select c.*, c.max_concurrency - (
      select count(*)::integer from pipeline.job_stages as s
      where s.pipeline = c.pipeline and s.stage = c.stage and s.status = 'processing'
        and s.lease_expires_at > pipeline.now()
    ) as free
    from pipeline.stage_config as c
    where c.enabled and (p_pipeline is null or c.pipeline = p_pipeline)
  ),
  wanted as (
    select r.*, pipeline.ready_count(r.queue, r.stage, least(r.free, r.trigger_batch_size)) as ready
    from room as r
    where r.free > 0
  )
  select w.pipeline, w.stage, w.queue, w.worker, w.ready
  from wanted as w
  where w.ready > 0
  order by w.pipeline, w.position desc; -- what is nearly done first
$$;

revoke execute on function public.dispatch_plan(text) from public, anon, authenticated;
