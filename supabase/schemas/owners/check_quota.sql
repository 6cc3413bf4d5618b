-- What is left of a ceiling of pipeline.owner_policies for a user's next job; raises 53400 with what is used up.
create or replace function pipeline.check_quota(p_user_id uuid, p_bytes bigint, p_keywords integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_policy pipeline.owner_policies;
  v_used pipeline.daily_usage;
  v_open integer;
begin
  select * into v_policy from pipeline.owner_policies as p where p.role = 'user';
  select count(*) into v_open from (
    select from pipeline.job_shares as s
    where s.pipeline = 'pageperfect' and s.user_id = p_user_id limit v_policy.max_open_jobs) as s;
  select * into v_used from pipeline.daily_usage as u
  where u.day = (pipeline.now() at time zone 'utc')::date and u.owner_id = p_user_id;
  if v_open >= v_policy.max_open_jobs then
    raise exception 'you have % open jobs, as many as may be open at once: wait until one is done', v_policy.max_open_jobs
      using errcode = '53400';
  elsif p_keywords > v_policy.max_keywords then
    raise exception 'a job may bring % keywords, not %', v_policy.max_keywords, p_keywords using errcode = '54000';
  elsif coalesce(v_used.job_count, 0) >= v_policy.daily_jobs then
    raise exception 'you have started % jobs today, as many as a day may have: go on tomorrow (UTC)', v_policy.daily_jobs
      using errcode = '53400';
  elsif coalesce(v_used.byte_count, 0) + p_bytes > v_policy.daily_bytes then
    raise exception 'your pages and keywords of today come to % MB, as much as a day may have: go on tomorrow (UTC)',
      v_policy.daily_bytes / 1000000 using errcode = '53400';
  end if;
end;
$$;

revoke execute on function pipeline.check_quota(uuid, bigint, integer) from public, anon, authenticated;
