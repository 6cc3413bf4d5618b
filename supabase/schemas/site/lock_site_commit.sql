-- The lease of a commit of the site pipeline, refused when it is some other stage's.
create or replace function pipeline.lock_site_commit(p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('site', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_site_commit(text, bigint, integer) from public, anon, authenticated;
