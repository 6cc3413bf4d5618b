-- Whether the dispatcher has anything to do: work within its limits, or a lease that ran out. Once a minute it is
-- rung regardless, for what its reaper finds and no count shows; an idle project thus costs few invocations.
create or replace function pipeline.dispatcher_is_wanted()
returns boolean
language sql
stable
set search_path = ''
as $$
  select extract(second from clock_timestamp()) < 10
    or exists (select from public.dispatch_plan())
    or exists (select from pipeline.job_stages as s where s.status = 'processing' and s.lease_expires_at <= pipeline.now());
$$;

revoke execute on function pipeline.dispatcher_is_wanted() from public, anon, authenticated;
