-- The lane that a stage asks of a job, and how many hold it at most; no row when there is none.
create or replace function pipeline.lane_of(p_lane text, p_job pipeline.jobs, out lane text, out size integer)
language plpgsql
stable
set search_path = ''
as $$
begin
  case p_lane
  when 'page' then
    lane := 'page:' || p_job.page_id;
    size := 1;
  when 'host' then
    lane := 'host:' || coalesce(lower(substring(p_job.url from '^[A-Za-z]+://([^/?#]+)')), '');
    size := pipeline.crawls_per_host();
  when 'owner' then
    lane := 'owner:' || p_job.user_id; -- null for the service's own
    size := (select p.max_running_jobs from pipeline.owner_policies as p where p.role = 'user');
  else
    null;
  end case;
end;
$$;

revoke execute on function pipeline.lane_of(text, pipeline.jobs) from public, anon, authenticated;
