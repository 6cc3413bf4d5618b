-- A shorter path for each transition: keys from partition to partition (add_pipeline makes them; against the parents, each
-- check opened all pipelines' tables), and narrower indexes.

alter table pipeline.job_stages drop constraint job_stages_pipeline_job_id_fkey;
alter table pipeline.job_events drop constraint job_events_pipeline_job_id_fkey;
alter table pipeline.payloads drop constraint payloads_pipeline_job_id_fkey;
-- Each partition has its own, without the column that is the same in all its rows.
alter table pipeline.payloads drop constraint payloads_pkey;

-- Narrower, and of what waits only: what failed has a dead letter.
drop index pipeline.job_stages_waiting_idx;
create index job_stages_queued_idx on pipeline.job_stages (stage, available_at) where status = 'queued';
create index jobs_open_idx on pipeline.jobs (id) where is_open;
create index dead_letters_open_idx on pipeline.dead_letters (stage, job_id) where replayed_at is null;

-- A job and the stage that is worked on, as claims and commits look at them.
create type pipeline.work as (
  job_id uuid, job_status text, is_open boolean, page_id uuid, user_id uuid,
  stage text, stage_status text, msg_id bigint, read_ct integer, attempt_count integer, max_attempts integer, started_at timestamptz
);

-- An event is written to the index only while it falls into a range that a vacuum has seen: so ranges are short.
drop index pipeline.job_events_created_at_idx;
create index job_events_created_at_idx on pipeline.job_events using brin (created_at) with (pages_per_range = 8);
