create or replace function public.commit_submit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'submit_crawl', p_msg_id, p_read_ct);
  v_crawl_job_id uuid;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  insert into public.crawl_jobs (page_id, job_id, url, premium, ultra_premium, render, queued_at, available_at)
  values (v_lease.page_id, v_lease.job_id, p_output ->> 'url',
    coalesce((p_output ->> 'premium')::boolean, false),
    coalesce((p_output ->> 'ultra_premium')::boolean, false),
    coalesce((p_output ->> 'render')::boolean, false), pipeline.now(), pipeline.now())
  returning id into v_crawl_job_id;
  return pipeline.finish_stage(v_lease, jsonb_build_object('crawl_job_id', v_crawl_job_id));
end;
$$;

revoke execute on function public.commit_submit_crawl(bigint, integer, jsonb) from public, anon, authenticated;
