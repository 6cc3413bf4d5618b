-- Crawls that are due now: whether crawl-cron has work.
create or replace function public.pending_crawl_count()
returns integer
language sql
stable
security definer
set search_path = ''
as $$
  select count(*)::integer from public.crawl_jobs as c
  where (c.status = 'pending' and c.available_at <= pipeline.now())
    or (c.status = 'processing' and c.lease_expires_at <= pipeline.now());
$$;

revoke execute on function public.pending_crawl_count() from public, anon, authenticated;
grant execute on function public.pending_crawl_count() to service_role;
