-- What segment_embed needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_segment_embed(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_crawl public.crawl_jobs;
begin
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;
  return jsonb_build_object('url', coalesce(v_crawl.final_url, v_job.url), 'page_id', v_job.page_id, 'html', v_crawl.html);
end;
$$;

revoke execute on function public.input_segment_embed(uuid) from public, anon, authenticated;
