-- Has a site's job made again every p_every_days days (1 to 366), with the request that it was made with; null: no longer. One schedule a request
-- and user. Pages that have not changed are not analysed again. Returns {status: scheduled | unscheduled, every_days, next_at}.
create or replace function public.schedule_site(p_job_id uuid, p_every_days integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  -- What an earlier request said of its pages' modification times is no longer so.
  v_request jsonb := v_job.payload - 'round';
  v_schedule public.site_schedules;
begin
  if jsonb_typeof(v_request -> 'site' -> 'urls') = 'array' then
    v_request := jsonb_set(v_request, '{site,urls}', (
      select jsonb_agg(case jsonb_typeof(u.value) when 'object' then u.value - 'last_modified' else u.value end order by u.ordinality)
      from jsonb_array_elements(v_request -> 'site' -> 'urls') with ordinality as u));
  end if;
  if v_job.priority <> 0 then
    v_request := v_request || jsonb_build_object('priority', v_job.priority);
  end if;
  if p_every_days is null then
    delete from public.site_schedules as s where s.user_id is not distinct from v_job.user_id and s.request = v_request;
    return jsonb_build_object('status', 'unscheduled');
  end if;
  if p_every_days not between 1 and 366 then
    raise exception 'schedule_site: every 1 to 366 days, not %', p_every_days using errcode = '22023';
  end if;
  insert into public.site_schedules (user_id, request, every_days, next_at, job_id)
  values (v_job.user_id, v_request, p_every_days, pipeline.now() + make_interval(days => p_every_days), p_job_id)
  on conflict (coalesce(user_id::text, ''), md5(request::text)) do update
  set every_days = excluded.every_days, next_at = excluded.next_at, job_id = excluded.job_id, error = null
  returning * into v_schedule;
  return jsonb_build_object('status', 'scheduled', 'every_days', v_schedule.every_days, 'next_at', v_schedule.next_at);
end;
$$;

revoke execute on function public.schedule_site(uuid, integer) from public, anon, authenticated;
