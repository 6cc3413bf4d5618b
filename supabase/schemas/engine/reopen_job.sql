-- The one door out of a job's final states: it is queued again with fresh attempts for what it did not complete, and its dead
-- letters count as replayed. The caller queues its stage.
create or replace function pipeline.reopen_job(p_pipeline text, p_job_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('pageperfect.replays', 'on', true);
  update pipeline.jobs set status = 'queued', error = null, completed_at = null, cancelled_at = null
  where pipeline = p_pipeline and id = p_job_id;
  perform set_config('pageperfect.replays', 'off', true);
  update pipeline.job_stages set attempt_count = 0, silent_count = 0, dead_lettered_at = null, dead_letter_reason = null
  where pipeline = p_pipeline and job_id = p_job_id and status <> 'completed';
  update pipeline.dead_letters set replayed_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and replayed_at is null;
end;
$$;

revoke execute on function pipeline.reopen_job(text, uuid) from public, anon, authenticated;
