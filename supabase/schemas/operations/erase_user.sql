-- Erases what a user left: their jobs with all stages, events and payloads, their schedules, their pages with all that hangs on them, the
-- messages and dead letters that name their jobs. What runs at this moment finds its lease gone. What models cost stays, without
-- a name. Deleting a user of Supabase Auth does not do this by itself: call it before. Returns {job_count, page_count}.
create or replace function public.erase_user(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v record;
  v_jobs integer := 0;
  v_pages integer;
begin
  if p_user_id is null then
    raise exception 'erase_user: which user?' using errcode = '22004';
  end if;
  delete from public.site_schedules as s where s.user_id = p_user_id;
  for v in
    select j.pipeline, j.id, p.queue from pipeline.jobs as j join pipeline.pipelines as p on p.pipeline = j.pipeline
    where j.user_id = p_user_id order by j.id
  loop
    perform public.cancel_job(v.pipeline, v.id);
    execute format('delete from pgmq.%I where message ->> ''job_id'' = $1', 'a_' || v.queue) using v.id::text;
    delete from pipeline.dead_letters as d where d.pipeline = v.pipeline and d.job_id = v.id;
    delete from public.crawl_jobs as c where c.job_id = v.id;
    delete from pipeline.jobs as j where j.pipeline = v.pipeline and j.id = v.id;
    v_jobs := v_jobs + 1;
  end loop;
  delete from public.pages as p where p.owner_id = p_user_id;
  get diagnostics v_pages = row_count;
  return jsonb_build_object('job_count', v_jobs, 'page_count', v_pages);
end;
$$;

revoke execute on function public.erase_user(uuid) from public, anon, authenticated;
