-- Crawls: a small queue of their own on crawl_jobs, worked by crawl-cron. attempt_count is the fencing token: a crawl
-- that was taken over changes nothing. A finished crawl wakes the stage that waits for it in the same transaction.

alter table public.crawl_jobs add column if not exists host text
  generated always as (coalesce(lower(substring(url from '^[A-Za-z]+://([^/?#]+)')), '')) stored;
comment on column public.crawl_jobs.host is 'Host of the URL, with its port if it names one; crawls of one host are limited';
create index if not exists crawl_jobs_due_by_host_idx on public.crawl_jobs (host, available_at, id)
  where status in ('pending', 'processing');
create index if not exists crawl_jobs_running_by_host_idx on public.crawl_jobs (host) where status = 'processing';
