-- How many unfinished jobs the filters match: asked before cancelling.
create or replace function access.count_open_jobs(p_filters jsonb)
returns bigint
language sql
stable
security definer
set search_path = ''
as $$
  select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing');
$$;

revoke execute on function access.count_open_jobs(jsonb) from public, anon, authenticated;
grant execute on function access.count_open_jobs(jsonb) to authenticated, service_role;
