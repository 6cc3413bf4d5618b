-- The lease of a commit, refused when it is some other stage's, or the page that the job works on is gone. The page is
-- locked against being deleted; no other job is at work on it, since a job holds its page's lane.
create or replace function pipeline.lock_commit(p_pipeline text, p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  elsif v_lease.status = 'held' and v_lease.page_id is null and p_pipeline = 'pageperfect' then
    raise exception 'the page of job % is gone', v_lease.job_id using errcode = 'P0002';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_commit(text, text, bigint, integer) from public, anon, authenticated;
