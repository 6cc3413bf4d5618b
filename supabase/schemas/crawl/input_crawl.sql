-- What a crawl begins with; `previous` is an earlier crawl of the URL whose HTML is still here, for a conditional request.
create or replace function public.input_crawl(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'id', c.id, 'job_id', c.job_id, 'url', c.url, 'premium', c.premium, 'ultra_premium', c.ultra_premium, 'render', c.render,
    'previous', (
      select jsonb_build_object('id', p.id, 'final_url', p.final_url, 'etag', p.etag, 'last_modified', p.last_modified)
      from public.crawl_jobs as p
      where p.page_id = c.page_id and p.url = c.url and p.status = 'completed' and p.provider = 'direct'
        and (p.etag is not null or p.last_modified is not null)
      order by p.finished_at desc limit 1))
  from public.crawl_jobs as c where c.id = p_job_id;
$$;

revoke execute on function public.input_crawl(uuid) from public, anon, authenticated;
