\ir ../_shared/setup.sql
select plan(4);
update pipeline.stage_config set max_concurrency = 10;
select (create_content_job('{}', 'outline') ->> 'job_id')::uuid as first \gset
select (create_content_job('{}', 'outline') ->> 'job_id')::uuid as second \gset
select dequeue_stage('content', 60) as m \gset
select start_stage('content', :'first', 'outline');
-- a worker of another stage hands it on: enqueue, then acknowledge
select enqueue_stage('content', :'first', 'outline', '{}', 0, 0) as new_id \gset
select ok(ack_message('content', (:'m'::jsonb ->> 'msg_id')::bigint), 'the old message is acknowledged');
select is((select attempt_count from content_job_stages where job_id = :'first'), 1, 'attempts stay');
select is(claim_stage('content', 'outline', 60) ->> 'job_id', :'first', 'it is still the first in line');
select is(claim_stage('content', 'outline', 60) ->> 'job_id', :'second', 'before the second');
select * from finish();
rollback;
