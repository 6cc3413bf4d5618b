-- The lease of a commit, refused when it is some other stage's. Its page is locked against being deleted; no other job is
-- at work on it, since a job holds its page's lane.
create or replace function pipeline.lock_commit(p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  end if;
  if v_lease.status = 'held' then
    perform 1 from public.pages as p where p.id = v_lease.page_id;
    if not found then
      raise exception 'the page of job % is gone', v_lease.job_id using errcode = 'P0002';
    end if;
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_commit(text, bigint, integer) from public, anon, authenticated;
