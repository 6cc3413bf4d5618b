-- 100,000 jobs, each at its first stage: most are completed, 5,000 wait on the queue. Included after setup.sql.
insert into pipeline.jobs (pipeline, stage, status, created_at)
select 'pageperfect', 'submit_crawl', case when i % 20 = 0 then 'queued' else 'completed' end, now() - make_interval(mins => i)
from generate_series(1, 100000) as i;
insert into pipeline.job_stages (
  pipeline, job_id, stage, status, max_attempts, retry_delay_seconds, max_retry_delay_seconds, visibility_timeout_seconds,
  started_at, finished_at)
select 'pageperfect', j.id, j.stage, j.status, 5, 10, 900, 600, now(), now() from public.pageperfect_jobs as j;
insert into pipeline.job_events (pipeline, job_id, stage, status, created_at)
select 'pageperfect', j.id, j.stage, 'completed', j.created_at from public.pageperfect_jobs as j;
insert into pgmq.q_pageperfect (vt, message)
select '2020-01-01', jsonb_build_object('job_id', j.id, 'stage', j.stage, 'priority', 0) from public.pageperfect_jobs as j where j.status = 'queued';
analyze pipeline.jobs, pipeline.job_stages, pipeline.job_events, pgmq.q_pageperfect;

create function tests.plan_of(p_query text) returns text language plpgsql as $$
declare
  v_line text;
  v_plan text := '';
begin
  for v_line in execute 'explain (costs off) ' || p_query loop
    v_plan := v_plan || v_line || E'\n';
  end loop;
  return v_plan;
end;
$$;
