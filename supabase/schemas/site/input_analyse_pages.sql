-- Brings the pages of a site's job up to date with their page jobs, makes page jobs for those that wait, as many as may be open at
-- once (pipeline.site_window), and tells how many there are: {total, waiting, open, done, reused, failed, skipped}. Page jobs are
-- children: the last one that ends wakes the site's job. Repeating it changes nothing.
create or replace function public.input_analyse_pages(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  v_page record;
  v_child uuid;
  v_open integer;
begin
  -- One at a time, so that no page gets two jobs.
  perform pg_advisory_xact_lock(hashtextextended('site ' || p_job_id, 0));
  update public.site_pages as s
  set status = case j.status when 'completed' then 'done' else 'failed' end,
    error = case when j.status = 'completed' then null
      else coalesce(j.error, jsonb_build_object('code', j.status, 'message', 'the page''s job was ' || j.status)) end
  from pipeline.jobs as j
  where s.job_id = p_job_id and s.status = 'open' and j.pipeline = 'pageperfect' and j.id = s.page_job_id
    and j.status in ('completed', 'failed', 'cancelled');

  if pipeline.site_ceiling_is_reached(v_job) then
    update public.site_pages as s
    set status = 'skipped', error = jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling was reached')
    where s.job_id = p_job_id and s.status = 'waiting';
  end if;

  select count(*) into v_open from public.site_pages as s where s.job_id = p_job_id and s.status = 'open';
  if v_job.status in ('queued', 'processing') and v_open <= pipeline.site_window() / 2 then
    for v_page in
      select s.page_id from public.site_pages as s
      where s.job_id = p_job_id and s.status = 'waiting' order by s.position limit pipeline.site_window() - v_open
    loop
      begin
        v_child := (public.create_pageperfect_job(
          jsonb_build_object('page_id', v_page.page_id, 'priority', v_job.priority, 'generate_draft', false,
            'parameters', coalesce(v_job.payload -> 'parameters', '{}'::jsonb),
            'idempotency_key', 'site ' || p_job_id || ' ' || v_page.page_id || ' ' || coalesce(v_job.payload ->> 'round', '0')),
          v_job.user_id, v_job.traceparent) ->> 'job_id')::uuid;
      exception when sqlstate '53400' then
        exit; -- as many open jobs as this user may have: the rest waits
      end;
      update pipeline.jobs set parent_pipeline = 'site', parent_id = p_job_id where pipeline = 'pageperfect' and id = v_child;
      update public.site_pages as s set status = 'open', page_job_id = v_child where s.job_id = p_job_id and s.page_id = v_page.page_id;
    end loop;
  end if;
  return pipeline.site_counts(p_job_id);
end;
$$;

revoke execute on function public.input_analyse_pages(uuid) from public, anon, authenticated;
