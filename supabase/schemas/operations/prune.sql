-- Deletes what has outlived its use: finished jobs with all that belongs to them, dead letters, archived messages. An age of
-- null keeps that kind for ever. Works in bounded steps; repeat while deleted_count > 0.
create or replace function public.prune(
  p_completed_after interval default '30 days',
  p_failed_after interval default '90 days',
  p_archive_after interval default '7 days',
  p_limit integer default 5000
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_jobs integer;
  v_letters integer;
  v_archived integer := 0;
  v_count integer;
  v_queue text;
begin
  with old as (
    select j.pipeline, j.id from pipeline.jobs as j
    where (j.status = 'completed' and j.completed_at < v_now - p_completed_after)
      or (j.status = 'cancelled' and j.cancelled_at < v_now - p_completed_after)
      or (j.status = 'failed' and j.last_failed_at < v_now - p_failed_after)
    order by j.created_at
    limit p_limit
    for update skip locked
  )
  delete from pipeline.jobs as j using old where j.pipeline = old.pipeline and j.id = old.id;
  get diagnostics v_jobs = row_count;

  delete from pipeline.dead_letters as d
  using (
    select o.pipeline, o.id from pipeline.dead_letters as o
    where o.replayed_at < v_now - p_completed_after or o.routed_at < v_now - p_failed_after
    order by o.routed_at
    limit p_limit
    for update skip locked
  ) as old
  where d.pipeline = old.pipeline and d.id = old.id;
  get diagnostics v_letters = row_count;

  for v_queue in select p.queue from pipeline.pipelines as p loop
    execute format('delete from pgmq.%1$I where msg_id in (
        select a.msg_id from pgmq.%1$I as a where a.archived_at < $1 order by a.archived_at limit $2 for update skip locked)', 'a_' || v_queue)
      using v_now - p_archive_after, p_limit;
    get diagnostics v_count = row_count;
    v_archived := v_archived + v_count;
  end loop;
  delete from pipeline.daily_usage as u where u.day < (v_now at time zone 'utc')::date - 30;
  return jsonb_build_object('deleted_count', v_jobs + v_letters + v_archived, 'job_count', v_jobs,
    'dead_letter_count', v_letters, 'archived_message_count', v_archived);
end;
$$;

revoke execute on function public.prune(interval, interval, interval, integer) from public, anon, authenticated;
