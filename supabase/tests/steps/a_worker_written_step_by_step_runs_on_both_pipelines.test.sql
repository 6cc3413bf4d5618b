\ir ../_shared/setup.sql
select plan(8);
create function tests.two_stages(p_pipeline text, p_job uuid, p_first text, p_second text) returns text language plpgsql as $$
declare
  v jsonb;
  v_stage text;
begin
  foreach v_stage in array array[p_first, p_second] loop
    v := public.dequeue_stage(p_pipeline, 60);
    perform public.start_stage(p_pipeline, p_job, v -> 'message' ->> 'stage');
    perform public.complete_stage(p_pipeline, p_job, v_stage);
    if v_stage = p_first then
      perform public.enqueue_stage(p_pipeline, p_job, p_second, '{"from": "first"}', 3);
    end if;
    perform public.ack_message(p_pipeline, (v ->> 'msg_id')::bigint);
  end loop;
  return (select string_agg(s.stage || ' ' || s.status || ' ' || s.attempt_count, ', ' order by s.finished_at, s.stage) from pipeline.job_stages as s where s.job_id = p_job);
end;
$$;
select (create_content_job('{"topic": "x"}') ->> 'job_id')::uuid as content \gset
select matches(tests.two_stages('content', :'content', 'research', 'outline'), '^(research completed 1, outline completed 1|outline completed 1, research completed 1)$', 'content: two stages');
select is((select count(*)::integer from pgmq.q_content), 0, 'content: queue empty');
select tests.create_job() as job \gset
select matches(tests.two_stages('pageperfect', :'job', 'submit_crawl', 'wait_crawl'), 'completed 1, .*completed 1', 'pageperfect: two stages');
select is((select count(*)::integer from pgmq.q_pageperfect), 0, 'pageperfect: queue empty');

-- the rows a step-by-step worker writes itself
set local role service_role;
insert into content_payloads (job_id, stage, data) values (:'content', 'research', '{"a": 1}') on conflict (job_id, stage) do update set data = excluded.data;
update content_jobs set stage = 'outline', status = 'completed' where id = :'content';
reset role;
select is((select pipeline from content_payloads where job_id = :'content'), 'content', 'a row written to the partition knows its pipeline');

-- failing
select (create_content_job() ->> 'job_id')::uuid as bad \gset
select dequeue_stage('content', 60) as m \gset
select start_stage('content', :'bad', 'research');
select record_stage_failure('content', :'bad', 'research', '{"message": "no"}');
select is(requeue_stage('content', (:'m'::jsonb ->> 'msg_id')::bigint, :'bad', 'research', '{"again": true}', 0, null)::text, :'m'::jsonb ->> 'msg_id', 'a requeue keeps the message');
select dequeue_stage('content', 60) as m \gset
select is(:'m'::jsonb -> 'message' -> 'payload' ->> 'again', 'true', 'with the payload it was given');
select dead_letter_message('content', (:'m'::jsonb ->> 'msg_id')::bigint, :'bad', 'research', :'m'::jsonb -> 'message', 'max_attempts_exceeded', '{}', 2);
select is((select status from content_jobs where id = :'bad'), 'failed', 'and ends as a dead letter');
select * from finish();
rollback;
