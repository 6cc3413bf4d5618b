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

revoke execute on function public.claim_crawl_jobs(integer, integer) from public, anon, authenticated;
grant execute on function public.claim_crawl_jobs(integer, integer) to service_role;
