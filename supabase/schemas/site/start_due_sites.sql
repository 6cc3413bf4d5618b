-- Makes the site jobs that are due by their schedules; how many. One whose last job is still open waits for it; one that is refused, as by its
-- owner's ceilings, is tried again an hour later and says why.
create or replace function pipeline.start_due_sites()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v public.site_schedules;
  v_job_id uuid;
  v_count integer := 0;
begin
  for v in
    select s.* from public.site_schedules as s
    where s.next_at <= pipeline.now()
      and not exists (select from pipeline.jobs as j where j.pipeline = 'site' and j.id = s.job_id and j.is_open)
    order by s.next_at
    for update skip locked
  loop
    begin
      v_job_id := (public.create_site_job(
        v.request || jsonb_build_object('idempotency_key', format('schedule %s %s', v.id, extract(epoch from v.next_at))), v.user_id) ->> 'job_id')::uuid;
      -- What was missed while nothing ran is not made up for.
      update public.site_schedules as s
      set job_id = v_job_id, error = null,
        next_at = v.next_at + make_interval(days =>
          v.every_days * (floor(extract(epoch from pipeline.now() - v.next_at) / 86400 / v.every_days)::integer + 1))
      where s.id = v.id;
      v_count := v_count + 1;
    exception when others then
      update public.site_schedules as s set error = sqlerrm, next_at = pipeline.now() + interval '1 hour' where s.id = v.id;
    end;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.start_due_sites() from public, anon, authenticated;
