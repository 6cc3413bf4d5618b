-- With not_modified in p_output the page is as previous_crawl_job_id found it, whose HTML becomes this crawl's as well.
create or replace function public.complete_crawl(p_crawl_job_id uuid, p_attempt_count integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_previous public.crawl_jobs;
  v_woken boolean;
begin
  select * into v_crawl from public.crawl_jobs as c
  where c.id = p_crawl_job_id and c.attempt_count = p_attempt_count and c.status = 'processing'
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost', 'woken_count', 0);
  end if;
  if (p_output ->> 'not_modified')::boolean then
    select * into v_previous from public.crawl_jobs as c
    where c.id = (p_output ->> 'previous_crawl_job_id')::uuid and c.page_id = v_crawl.page_id and c.status = 'completed';
    if not found then
      -- Pruned meanwhile. The next attempt asks for the whole page.
      raise exception 'the earlier crawl % of this page is gone', p_output ->> 'previous_crawl_job_id' using errcode = '55000';
    end if;
  end if;
  update public.crawl_jobs as c
  set status = 'completed', lease_expires_at = null, error = null, finished_at = pipeline.now(),
      html = coalesce(p_output ->> 'html', v_previous.html),
      html_length = coalesce(length(p_output ->> 'html'), v_previous.html_length),
      http_status = (p_output ->> 'http_status')::integer,
      final_url = coalesce(p_output ->> 'final_url', v_previous.final_url),
      content_type = coalesce(p_output ->> 'content_type', v_previous.content_type),
      etag = p_output ->> 'etag', last_modified = p_output ->> 'last_modified',
      provider = p_output ->> 'provider', processing_time_ms = (p_output ->> 'processing_time_ms')::numeric::integer
  where c.id = v_crawl.id;
  update public.pages set last_crawled_at = pipeline.now() where id = v_crawl.page_id;
  v_woken := pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  return jsonb_build_object('status', 'completed', 'woken_count', v_woken::integer);
end;
$$;

revoke execute on function public.complete_crawl(uuid, integer, jsonb) from public, anon, authenticated;
grant execute on function public.complete_crawl(uuid, integer, jsonb) to service_role;
