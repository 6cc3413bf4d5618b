-- Stores a crawled page. With not_modified in p_output it is as previous_crawl_job_id found it, whose HTML becomes this
-- crawl's as well.
create or replace function public.commit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('fetch', p_msg_id, p_read_ct);
  v_crawl public.crawl_jobs;
  v_previous public.crawl_jobs;
  v_html_length integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if (p_output ->> 'not_modified')::boolean then
    select * into v_previous from public.crawl_jobs as c
    where c.id = (p_output ->> 'previous_crawl_job_id')::uuid and c.page_id = v_lease.page_id and c.status = 'completed';
    if not found then
      -- Pruned meanwhile. The next attempt asks for the whole page.
      raise exception 'the earlier crawl % of this page is gone', p_output ->> 'previous_crawl_job_id' using errcode = '55000';
    end if;
  end if;
  v_html_length := coalesce(length(p_output ->> 'html'), v_previous.html_length);
  update public.crawl_jobs as c
  set status = 'completed', lease_expires_at = null, error = null, finished_at = pipeline.now(),
      html = coalesce(p_output ->> 'html', v_previous.html), html_length = v_html_length,
      http_status = (p_output ->> 'http_status')::integer,
      final_url = coalesce(p_output ->> 'final_url', v_previous.final_url),
      content_type = coalesce(p_output ->> 'content_type', v_previous.content_type),
      etag = p_output ->> 'etag', last_modified = p_output ->> 'last_modified',
      provider = p_output ->> 'provider', processing_time_ms = (p_output ->> 'processing_time_ms')::numeric::integer
  where c.id = v_lease.job_id
  returning * into v_crawl;
  if not found then
    raise exception 'the crawl % is gone', v_lease.job_id using errcode = 'P0002';
  end if;
  update public.pages set last_crawled_at = pipeline.now() where id = v_crawl.page_id;
  perform pipeline.count_usage(v_lease.user_id, p_bytes => v_html_length);
  if v_crawl.job_id is not null then
    perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  end if;
  return pipeline.finish_stage(v_lease, jsonb_build_object('html_length', v_html_length, 'http_status', p_output -> 'http_status'));
end;
$$;

revoke execute on function public.commit_crawl(bigint, integer, jsonb) from public, anon, authenticated;
