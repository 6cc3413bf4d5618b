create or replace function public.commit_wait_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'wait_crawl', p_msg_id, p_read_ct);
  v_crawl public.crawl_jobs;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  select * into v_crawl from public.crawl_jobs as c
  where c.job_id = v_lease.job_id and c.status = 'completed' order by c.created_at desc limit 1;
  if not found then
    raise exception 'the crawl of job % is not completed', v_lease.job_id using errcode = '55000';
  end if;
  return pipeline.finish_stage(v_lease, jsonb_build_object(
    'crawl_job_id', v_crawl.id, 'html_length', v_crawl.html_length, 'crawl_processing_time_ms', v_crawl.processing_time_ms));
end;
$$;

revoke execute on function public.commit_wait_crawl(bigint, integer, jsonb) from public, anon, authenticated;
