-- Crawls: a small queue of their own on crawl_jobs, worked by crawl-cron. attempt_count is the fencing token: a crawl
-- that was taken over changes nothing. A finished crawl wakes the stage that waits for it in the same transaction.

alter table public.crawl_jobs add column if not exists host text
  generated always as (coalesce(lower(substring(url from '^[A-Za-z]+://([^/?#]+)')), '')) stored;
comment on column public.crawl_jobs.host is 'Host of the URL, with its port if it names one; crawls of one host are limited';
create index if not exists crawl_jobs_due_by_host_idx on public.crawl_jobs (host, available_at, id)
  where status in ('pending', 'processing');
create index if not exists crawl_jobs_running_by_host_idx on public.crawl_jobs (host) where status = 'processing';

-- How many crawls of one host may run at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.crawls_per_host()
returns integer
language sql
immutable
set search_path = ''
as $$ select 2 $$;

-- Due crawls, now leased to the caller: the longest waiting of each host, hosts in turn, no more of one host at once than
-- crawls_per_host. Crawls whose runner went silent are taken over, or failed when their attempts are used up. `previous`
-- is an earlier crawl of the URL whose HTML is still here, for a conditional request.
create or replace function public.claim_crawl_jobs(p_limit integer default 5, p_lease_seconds integer default 120)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_per_host integer := pipeline.crawls_per_host();
  v_dead record;
  v_claimed jsonb;
begin
  -- Two claims that count the same running crawls would both fill the host up.
  perform pg_advisory_xact_lock(hashtextextended('claim_crawl_jobs', 0));

  for v_dead in
    update public.crawl_jobs as c
    set status = 'failed', lease_expires_at = null, finished_at = v_now,
        error = jsonb_build_object('code', 'crawler_died', 'retryable', true,
          'message', 'the crawl ended without a report ' || c.attempt_count || ' times')
    where c.status = 'processing' and c.lease_expires_at <= v_now and c.attempt_count >= c.max_attempts
    returning c.job_id
  loop
    perform pipeline.wake_stage('pageperfect', v_dead.job_id, 'wait_crawl');
  end loop;

  -- A step for each host and not for each waiting crawl: one site's thousands cost the others nothing.
  with recursive hosts as (
    (select c.host from public.crawl_jobs as c where c.status in ('pending', 'processing') order by c.host limit 1)
    union all
    select (
      select c.host from public.crawl_jobs as c
      where c.status in ('pending', 'processing') and c.host > h.host order by c.host limit 1)
    from hosts as h where h.host is not null
  ),
  due as (
    select d.id
    from hosts as h
    cross join lateral (
      select count(*) as count from public.crawl_jobs as c
      where c.host = h.host and c.status = 'processing' and c.lease_expires_at > v_now
    ) as running
    cross join lateral (
      select c.id, c.available_at, running.count + row_number() over (order by c.available_at, c.id) as turn
      from public.crawl_jobs as c
      where c.host = h.host and c.available_at <= v_now and (
        c.status = 'pending'
        or (c.status = 'processing' and c.lease_expires_at <= v_now and c.attempt_count < c.max_attempts))
      order by c.available_at, c.id
      limit greatest(v_per_host - running.count, 0)
    ) as d
    order by d.turn, d.available_at
    limit p_limit
  ),
  -- The condition once more: a crawl that reports at this moment is no longer due.
  locked as (
    select c.id from public.crawl_jobs as c
    where c.id in (select d.id from due as d) and (
      c.status = 'pending' or (c.status = 'processing' and c.lease_expires_at <= v_now))
    for update skip locked
  ),
  claimed as (
    update public.crawl_jobs as c
    set status = 'processing', attempt_count = c.attempt_count + 1,
        lease_expires_at = v_now + make_interval(secs => p_lease_seconds)
    from locked where c.id = locked.id
    returning c.*
  )
  select coalesce(jsonb_agg(jsonb_build_object(
    'id', c.id, 'job_id', c.job_id, 'url', c.url, 'premium', c.premium, 'ultra_premium', c.ultra_premium, 'render', c.render,
    'attempt_count', c.attempt_count, 'max_attempts', c.max_attempts, 'previous', (
      select jsonb_build_object('id', p.id, 'final_url', p.final_url, 'etag', p.etag, 'last_modified', p.last_modified)
      from public.crawl_jobs as p
      where p.page_id = c.page_id and p.url = c.url and p.status = 'completed' and p.provider = 'direct'
        and (p.etag is not null or p.last_modified is not null)
      order by p.finished_at desc limit 1))
    order by c.available_at), '[]'::jsonb)
  into v_claimed from claimed as c;
  return v_claimed;
end;
$$;

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

-- Applies what Rust decided about a failed crawl attempt. p_error.retryable says whether a later resubmission may help.
create or replace function public.fail_crawl(
  p_crawl_job_id uuid, p_attempt_count integer, p_error jsonb, p_action text, p_delay_seconds numeric default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_crawl public.crawl_jobs;
begin
  update public.crawl_jobs as c
  set status = case when p_action = 'retry' and c.attempt_count < c.max_attempts then 'pending' else 'failed' end,
      lease_expires_at = null, error = p_error, available_at = v_now + v_delay,
      http_status = (p_error ->> 'http_status')::integer,
      finished_at = case when p_action = 'retry' and c.attempt_count < c.max_attempts then null else v_now end
  where c.id = p_crawl_job_id and c.attempt_count = p_attempt_count and c.status = 'processing'
  returning * into v_crawl;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  elsif v_crawl.status = 'pending' then
    return jsonb_build_object('status', 'retry_scheduled', 'available_at', v_crawl.available_at);
  end if;
  perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  return jsonb_build_object('status', 'failed');
end;
$$;

-- The retry hook of wait_crawl: a crawl that failed is submitted again with new attempts. The count goes on, since it
-- is the fencing token.
create or replace function pipeline.resubmit_crawl(p_job_id uuid, p_delay interval)
returns void
language sql
set search_path = ''
as $$
  update public.crawl_jobs as c
  set status = 'pending', max_attempts = c.attempt_count + 3, error = null, finished_at = null,
      queued_at = pipeline.now() + p_delay, available_at = pipeline.now() + p_delay
  where c.job_id = p_job_id and c.status = 'failed';
$$;

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

-- Deletes finished crawls, which hold the page's HTML, once nothing will read them again: their job is completed,
-- cancelled or gone. A failed job keeps its crawl, since a replay goes on from it. One bounded step; returns its count.
create or replace function public.prune_crawls(p_after interval default '7 days', p_limit integer default 1000)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.crawl_jobs where id in (
    select c.id from public.crawl_jobs as c
    where c.status in ('completed', 'failed') and c.finished_at < pipeline.now() - p_after
      and not exists (
        select from pipeline.jobs as j
        where j.pipeline = 'pageperfect' and j.id = c.job_id and j.status in ('queued', 'processing', 'failed'))
    limit p_limit
  );
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
