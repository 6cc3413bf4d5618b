-- Made by `./pageperfect schema` of supabase/schemas; not to be edited. `deploy` applies those files themselves.

-- Brings a database to this checkout in one statement, all or nothing: new migrations, then every function, view, policy
-- and grant. supabase/schema.ts puts the files in. What it did stands in two tables of the project:
--
--   pipeline.migrations  which migrations are applied; the project's own history (supabase_migrations) is not touched
--   pipeline.objects     which functions and views are ours, so that those which a later version lacks can go
--
-- Safe to repeat. On a project that was set up before these tables existed (by `supabase db push`) all migrations run
-- again, which those of that time allow.
do $pageperfect$
declare
  v_is_older constant boolean := to_regclass('pipeline.jobs') is not null and to_regclass('pipeline.objects') is null;
  v_file record;
  v_text text;
  v_vector_schema text;
  v_identity text;
  v_oid oid;
  v_state text;
  v_message text;
  v_detail text;
  v_hint text;
  v_context text;
begin
  perform set_config('check_function_bodies', 'off', true);
  perform set_config('lock_timeout', '20s', true);
  perform set_config('search_path', '', true); -- so that names are written whole
  perform set_config('client_min_messages', 'warning', true);

  create schema if not exists pipeline;
  -- Two deploys at once: the second finds what the first did.
  perform pg_advisory_xact_lock(hashtextextended('pageperfect schema', 0));
  create table if not exists pipeline.migrations (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
  );
  comment on table pipeline.migrations is 'The migrations of supabase/migrations that this database has';
  create table if not exists pipeline.objects (
    identity text primary key,
    path text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
  );
  comment on table pipeline.objects is 'The functions and views of supabase/schemas that this database has';
  alter table pipeline.migrations enable row level security;
  alter table pipeline.objects enable row level security;
  revoke all on pipeline.migrations, pipeline.objects from public, anon, authenticated, service_role;

  if v_is_older then
    -- What may have gone since: all functions of the private schema, and of the public one those of that time.
    insert into pipeline.objects (identity, path, sha256)
    select 'function ' || p.oid::regprocedure, '', ''
    from pg_proc as p
    where p.pronamespace = 'pipeline'::regnamespace
      or p.oid in (
        select to_regprocedure(s.signature) from unnest(array[
          'public.set_updated_at()', 'public.get_stage_input(uuid, text)', 'public.claim_stage(text, text, integer)',
          'public.commit_stage(text, bigint, integer, jsonb)', 'public.extend_lease(text, bigint, integer, integer)',
          'public.defer_stage(text, bigint, integer, integer, text, jsonb)',
          'public.fail_stage(text, bigint, integer, jsonb, text, numeric, text)',
          'public.insert_event(text, uuid, text, text, text, jsonb)', 'public.reap_expired_leases(integer)',
          'public.dispatch_plan(text)', 'public.cancel_job(text, uuid)', 'public.replay_dead_letter(text, bigint)',
          'public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer)',
          'public.prune(interval, interval, interval, integer)', 'public.pipeline_metrics()', 'public.check_invariants()',
          'public.enqueue_stage(text, uuid, text, jsonb, integer, integer)', 'public.dequeue_stage(text, integer)',
          'public.ack_message(text, bigint)', 'public.extend_message_visibility(text, bigint, integer)',
          'public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer)',
          'public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer)',
          'public.start_stage(text, uuid, text)', 'public.complete_stage(text, uuid, text)',
          'public.record_stage_failure(text, uuid, text, jsonb)',
          'public.begin_model_call(text, text, double precision)',
          'public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision)',
          'public.model_metrics()', 'public.create_content_job(jsonb, text, integer)',
          'public.create_pageperfect_job(jsonb, uuid, text)', 'public.commit_submit_crawl(bigint, integer, jsonb)',
          'public.commit_wait_crawl(bigint, integer, jsonb)', 'public.stage_vectors(bigint, integer, text, integer, text[])',
          'public.save_checkpoint(bigint, integer, text, text)', 'public.load_checkpoint(uuid, text, text)',
          'public.get_vectors(text, bigint[])', 'public.commit_segment_embed(bigint, integer, jsonb)',
          'public.commit_keyword_clustering(bigint, integer, jsonb)', 'public.commit_gap_analysis(bigint, integer, jsonb)',
          'public.commit_rewrite_draft(bigint, integer, jsonb)', 'public.get_pageperfect_report(uuid)',
          'public.embedding_cache_get(text, integer, text[])', 'public.embedding_cache_missing(text, integer, text[])',
          'public.embedding_cache_put(text, integer, text[], text[])', 'public.prune_embedding_cache(interval, integer)',
          'public.claim_crawl_jobs(integer, integer)', 'public.complete_crawl(uuid, integer, jsonb)',
          'public.fail_crawl(uuid, integer, jsonb, text, numeric)', 'public.pending_crawl_count()',
          'public.prune_crawls(interval, integer)', 'public.upsert_gsc_rows(jsonb)', 'public.gsc_settled_day()',
          'public.gsc_import_is_due(public.gsc_properties)', 'public.pending_gsc_import_count()',
          'public.start_gsc_import(text, date, date)', 'public.claim_gsc_import(integer)',
          'public.checkpoint_gsc_import(text, bigint, integer, boolean, integer)',
          'public.release_gsc_import(text, bigint)', 'public.fail_gsc_import(text, bigint, jsonb, text, numeric)'
        ]) as s (signature))
    on conflict do nothing;
    insert into pipeline.objects (identity, path, sha256)
    select 'view ' || c.oid::regclass, '', ''
    from pg_class as c
    where c.relkind = 'v' and (c.relnamespace = 'pipeline'::regnamespace
      or c.relnamespace = 'public'::regnamespace and c.relname like 'v\_pageperfect\_%')
    on conflict do nothing;
  end if;

  for v_file in
    select f.* from (values
      ('mark', '20251016110000_site_tables.sql', 'a08f5806afb1ee693bd72ef64494e7136a93ccc6ddc6bdaba2de8a786ae36ad0', '{}'::text[], $file$$file$),
('mark', '20251016113000_pipeline_tables.sql', 'c8d1a675393f36be09d19430db58f58edc2f14b2afd8016d215df1c105cbad83', '{}'::text[], $file$$file$),
('mark', '20251016113100_pipeline_engine.sql', '04ff55f55a5ac5a184069c4beaff555d378d5f7247aa73f7b7327f714020dee4', '{}'::text[], $file$$file$),
('mark', '20251016113200_pipeline_operations.sql', 'ac0bf4565ce04c6d1fb643e1e65819e6499cd962c28ddacf86821bc5ddb89f3b', '{}'::text[], $file$$file$),
('mark', '20251016113300_pipeline_steps.sql', 'ac0bf4565ce04c6d1fb643e1e65819e6499cd962c28ddacf86821bc5ddb89f3b', '{}'::text[], $file$$file$),
('mark', '20251016113400_model_calls.sql', '29538cfc7fbae0b4321b0b99a492e30c98b83486ecc246e4f419fd4b0f789e05', '{}'::text[], $file$$file$),
('mark', '20251016114000_content_pipeline.sql', '6ce5205eb77fc04564b03de28c8e154231fdc5c36f2a0aa2cbc2c972a39c5b09', '{}'::text[], $file$$file$),
('mark', '20251016120000_pageperfect_queue_infrastructure.sql', 'd69b4156c115f338c8afbeafdcc84c568dc39cb0f433b50949384e1d1b671341', '{}'::text[], $file$$file$),
('mark', '20251016120050_crawl_queue.sql', '5904aeacd8b3443615a2b6b464cedcc83232006aad9267c74bca6401d5c096c7', '{}'::text[], $file$$file$),
('mark', '20251016120100_pageperfect_dispatcher_config.sql', '465ec3ae858c755afae73229aa69d26e51c08bc0fc5aa58393c8f493333e61e7', '{}'::text[], $file$$file$),
('mark', '20251016120200_pageperfect_views.sql', 'ec400a8376b37257301bfb5a6bf72c0115f65d8384761548213fc9f1344f6594', '{}'::text[], $file$$file$),
('mark', '20251016120300_access.sql', '786d324cb301b3a9e4680d8b70e09edd4f3e077aaa525e10cc4e303a0e37f0ab', '{}'::text[], $file$$file$),
('mark', '20251016130000_schedules.sql', 'ac0bf4565ce04c6d1fb643e1e65819e6499cd962c28ddacf86821bc5ddb89f3b', '{}'::text[], $file$$file$),
('mark', '20251016140000_search_console.sql', '2a661ebd3b85a7f19e696b20c36e3e2f0f85f8c909a18d829457c613a5d21b79', '{}'::text[], $file$$file$),
('object', 'content/create_content_job.sql', '5ca4e27fc5397c9f1fcab8d4709b07b7e7e40b74a0898ef88478eecb96ad1850', array['function public.create_content_job(jsonb, text, integer)'], $file$-- Creates a content job and queues its first stage.
create or replace function public.create_content_job(
  p_payload jsonb default '{}'::jsonb, p_initial_stage text default 'research', p_priority integer default 0
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid;
begin
  insert into pipeline.jobs (pipeline, stage, payload, priority)
  values ('content', p_initial_stage, coalesce(p_payload, '{}'::jsonb), coalesce(p_priority, 0))
  returning id into v_id;
  perform pipeline.log_event('content', v_id, null, 'created', 'job created');
  perform pipeline.queue_stage('content', v_id, p_initial_stage, p_payload, p_priority);
  return jsonb_build_object('job_id', v_id);
end;
$$;

revoke execute on function public.create_content_job(jsonb, text, integer) from public, anon, authenticated;
grant execute on function public.create_content_job(jsonb, text, integer) to service_role;
$file$),
('object', 'crawl/claim_crawl_jobs.sql', '65a5bdbffc73b1adf6738fa4240f6a8460bbffcdb3c03b2fa78bcf1a915f9a23', array['function public.claim_crawl_jobs(integer, integer)'], $file$-- Due crawls, now leased to the caller: the longest waiting of each host, hosts in turn, no more of one host at once than
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
$file$),
('object', 'crawl/complete_crawl.sql', 'ecb1c16df75178c2c541f518694e131fe88f99a8e2eda5c9ac9cb5dbe6e84033', array['function public.complete_crawl(uuid, integer, jsonb)'], $file$-- With not_modified in p_output the page is as previous_crawl_job_id found it, whose HTML becomes this crawl's as well.
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
$file$),
('object', 'crawl/crawls_per_host.sql', 'f8370f3f7890830d9f29bd45ddc8b77fc3ec707a9285995de72b02e1caa41eb0', array['function pipeline.crawls_per_host()'], $file$-- How many crawls of one host may run at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.crawls_per_host()
returns integer
language sql
immutable
set search_path = ''
as $$ select 2 $$;

revoke execute on function pipeline.crawls_per_host() from public, anon, authenticated;
$file$),
('object', 'crawl/fail_crawl.sql', '4d0cdcc21bf8a0a2b2e53f5f235aae462d7e1d7aa0c1da614e1678d3be139fb0', array['function public.fail_crawl(uuid, integer, jsonb, text, numeric)'], $file$-- Applies what Rust decided about a failed crawl attempt. p_error.retryable says whether a later resubmission may help.
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

revoke execute on function public.fail_crawl(uuid, integer, jsonb, text, numeric) from public, anon, authenticated;
grant execute on function public.fail_crawl(uuid, integer, jsonb, text, numeric) to service_role;
$file$),
('object', 'crawl/pending_crawl_count.sql', '2cf00806c8da0b63051716c494b78ee38fa08e548b7ab2348d3711a37125a3e7', array['function public.pending_crawl_count()'], $file$-- Crawls that are due now: whether crawl-cron has work.
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
$file$),
('object', 'crawl/prune_crawls.sql', '9d70d72a6f689e2aabcd77beea0b84479c4aa383238fbae37a8dc419811f010c', array['function public.prune_crawls(interval, integer)'], $file$-- Deletes finished crawls, which hold the page's HTML, once nothing will read them again: their job is completed,
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

revoke execute on function public.prune_crawls(interval, integer) from public, anon, authenticated;
grant execute on function public.prune_crawls(interval, integer) to service_role;
$file$),
('object', 'crawl/resubmit_crawl.sql', '9d6e6fe7946249ab41dd3e9182f993e5cab1f88a25b17f07f16b71073ec902e9', array['function pipeline.resubmit_crawl(uuid, interval)'], $file$-- The retry hook of wait_crawl: a crawl that failed is submitted again with new attempts. The count goes on, since it
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

revoke execute on function pipeline.resubmit_crawl(uuid, interval) from public, anon, authenticated;
$file$),
('object', 'engine/add_pipeline.sql', '37a64c382fe66d78c29b71e6408f9baec7adc31546e8d61f6455c12a8720ab77', array['function pipeline.add_pipeline(text, text)'], $file$-- Makes a pipeline: its five public partitions and its queue with the index that claims read through.
-- Safe to repeat.
create or replace function pipeline.add_pipeline(p_pipeline text, p_queue text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_kind text;
  v_table text;
begin
  insert into pipeline.pipelines (pipeline, queue) values (p_pipeline, p_queue) on conflict do nothing;

  foreach v_kind in array array['jobs', 'job_stages', 'dead_letters', 'job_events', 'payloads'] loop
    v_table := p_pipeline || '_' || v_kind;
    if to_regclass(format('public.%I', v_table)) is null then
      execute format('create table public.%I partition of pipeline.%I for values in (%L)', v_table, v_kind, p_pipeline);
    end if;
    -- A row written straight to the partition need not name its pipeline.
    execute format('alter table public.%I alter column pipeline set default %L', v_table, p_pipeline);
    execute format('alter table public.%I enable row level security', v_table);
    execute format('revoke all on public.%I from public, anon, authenticated', v_table);
    execute format('grant select, insert, update, delete on public.%I to service_role', v_table);
    execute format('comment on table public.%I is %L', v_table, format('The %s pipeline''s part of pipeline.%s', p_pipeline, v_kind));
  end loop;

  -- Keys without the constant pipeline column, so that upserts and look-ups by job read naturally.
  execute format('create unique index if not exists %I on public.%I (id)', p_pipeline || '_jobs_id_key', p_pipeline || '_jobs');
  execute format('create unique index if not exists %I on public.%I (job_id, stage)', p_pipeline || '_payloads_key', p_pipeline || '_payloads');

  -- Rows that change at every transition: room for new versions on the page, early vacuum.
  execute format('alter table public.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', p_pipeline || '_jobs');
  execute format('alter table public.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', p_pipeline || '_job_stages');

  execute format('create or replace trigger set_updated_at before update on public.%I for each row execute function pipeline.set_updated_at()', p_pipeline || '_jobs');
  execute format('create or replace trigger set_updated_at before update on public.%I for each row execute function pipeline.set_updated_at()', p_pipeline || '_payloads');
  execute format('create or replace trigger set_queue_name before insert on public.%I for each row execute function pipeline.set_queue_name()', p_pipeline || '_dead_letters');

  if to_regclass(format('pgmq.%I', 'q_' || p_queue)) is null then
    perform pgmq.create(p_queue);
  end if;
  -- One stage's messages by priority, then age, without the sleeping ones; and the same over all stages, for workers
  -- that take whatever comes (written with a minus, so that no claim is ever planned with it). No index names vt: so claims and heartbeats, which change nothing else, stay on their
  -- page (HOT) and write to no index. pgmq's own index on vt would spoil that, and nothing here reads by it.
  execute format(
    'create index if not exists %I on pgmq.%I ((message ->> ''stage''), (coalesce((message ->> ''priority'')::integer, 0)) desc, (coalesce((message ->> ''seq'')::bigint, msg_id))) where not message ? ''asleep''',
    'q_' || p_queue || '_claim_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I ((-coalesce((message ->> ''priority'')::integer, 0)), (coalesce((message ->> ''seq'')::bigint, msg_id))) where not message ? ''asleep''',
    'q_' || p_queue || '_order_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I (((message ->> ''asleep'')::bigint)) where message ? ''asleep''',
    'q_' || p_queue || '_asleep_idx', 'q_' || p_queue);
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_vt_idx');
  execute format('alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'a_' || p_queue);
  perform pipeline.write_queue_functions();
end;
$$;

revoke execute on function pipeline.add_pipeline(text, text) from public, anon, authenticated;
$file$),
('object', 'engine/begin_attempt.sql', '0b83405e26b1c5b12eaf8302e719d103cd04158e9d3345f2e3082cb1630f32fa', array['function pipeline.begin_attempt(pipeline.lease, timestamptz)'], $file$-- Counts the attempt and marks the stage as running under the lease (the caller holds the locks).
create or replace function pipeline.begin_attempt(p_lease pipeline.lease, p_lease_expires_at timestamptz)
returns pipeline.job_stages
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.job_stages
  set status = 'processing', attempt_count = attempt_count + 1, started_at = v_now, finished_at = null,
      read_ct = p_lease.read_ct, lease_expires_at = p_lease_expires_at, next_retry_at = null, wake_requested_at = null
  where pipeline = p_lease.pipeline and job_id = p_lease.job_id and stage = p_lease.stage
  returning * into v_stage;

  update pipeline.jobs
  set status = 'processing', stage = p_lease.stage, attempt_count = attempt_count + 1, last_dequeued_at = v_now
  where pipeline = p_lease.pipeline and id = p_lease.job_id;

  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'started',
    format('%s started', p_lease.stage),
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', p_lease.msg_id,
      'waited_ms', round(extract(epoch from v_now - greatest(v_stage.queued_at, v_stage.available_at)) * 1000)));
  return v_stage;
end;
$$;

revoke execute on function pipeline.begin_attempt(pipeline.lease, timestamptz) from public, anon, authenticated;
$file$),
('object', 'engine/bury.sql', 'd41c88b3daaba76c134295edbf36c7d037e6c115843acbfc8b6e0c7f8c7b199f', array['function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer)'], $file$-- Ends a message as a dead letter: the letter, the failed stage and job, the event; the message goes.
-- p_job_id may be null (a message that names no job).
create or replace function pipeline.bury(
  p_pipeline text, p_queue text, p_msg_id bigint, p_message jsonb, p_job_id uuid, p_stage text,
  p_reason text, p_details jsonb, p_attempt_count integer
)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_id bigint;
begin
  insert into pipeline.dead_letters (
    pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at
  ) values (
    p_pipeline, p_queue, p_msg_id, p_job_id, p_stage, coalesce(p_message, '{}'::jsonb), p_reason, p_details,
    coalesce(p_attempt_count, 0), v_now
  ) returning id into v_id;

  update pipeline.job_stages
  set status = 'failed', finished_at = v_now, lease_expires_at = null, next_retry_at = null,
      last_error = coalesce(p_details, last_error), dead_lettered_at = v_now, dead_letter_reason = p_reason
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;

  update pipeline.jobs
  set status = 'failed', last_failed_at = v_now, last_dead_letter_at = v_now,
      error = jsonb_build_object('stage', p_stage, 'reason', p_reason) || coalesce(p_details, '{}'::jsonb)
  where pipeline = p_pipeline and id = p_job_id;

  perform pipeline.delete_message(p_queue, p_msg_id);
  perform pipeline.log_event(p_pipeline, j.id, p_stage, 'dead_lettered', format('%s dead-lettered: %s', p_stage, p_reason),
    jsonb_build_object('dead_letter_id', v_id, 'msg_id', p_msg_id, 'attempt', p_attempt_count, 'reason', p_reason))
  from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id;
  return v_id;
end;
$$;

revoke execute on function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer) from public, anon, authenticated;
$file$),
('object', 'engine/claim_stage.sql', 'e2ddfe2e2003d612dc1d5022cb6ca8fbfe416dd0f196f8b13492fd613c0783c5', array['function public.claim_stage(text, text, integer)'], $file$-- Claims the next message of a stage and starts the attempt; honours max_concurrency here, so that no number
-- of doorbells can exceed it. Null: nothing to do, or the stage is full.
create or replace function public.claim_stage(p_pipeline text, p_stage text, p_visibility_seconds integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_config pipeline.stage_config;
  v_lease pipeline.lease;
  v_stage pipeline.job_stages;
  v_visibility integer;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if not found then
    raise exception 'pipeline % has no stage %', p_pipeline, p_stage using errcode = '22023';
  end if;
  v_visibility := greatest(coalesce(p_visibility_seconds, v_config.visibility_seconds), 1);

  -- Two claims of one stage must not both count the same free slot.
  perform pg_advisory_xact_lock(hashtextextended('claim:' || p_pipeline || ':' || p_stage, 0));
  if (
    select count(*) from pipeline.job_stages as s
    where s.pipeline = p_pipeline and s.stage = p_stage and s.status = 'processing'
      and s.lease_expires_at > pipeline.now()
  ) >= v_config.max_concurrency then
    return null;
  end if;

  v_lease := pipeline.take_message(p_pipeline, v_config.queue, p_stage, v_visibility);
  if v_lease.msg_id is null then
    return null;
  end if;
  if v_lease.job_id is null then
    return jsonb_build_object('msg_id', v_lease.msg_id, 'job_id', null);
  end if;
  v_stage := pipeline.begin_attempt(v_lease, pipeline.now() + make_interval(secs => v_visibility));
  return jsonb_build_object(
    'msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'job_id', v_lease.job_id, 'stage', p_stage,
    'payload', v_lease.message -> 'payload', 'priority', v_stage.priority,
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'visibility_seconds', v_visibility,
    'enqueued_at', v_lease.message -> 'enqueued_at', 'traceparent', v_lease.message -> 'traceparent');
end;
$$;

revoke execute on function public.claim_stage(text, text, integer) from public, anon, authenticated;
grant execute on function public.claim_stage(text, text, integer) to service_role;
$file$),
('object', 'engine/commit_stage.sql', '8f7a4f3b921c9f9716a0d69b92d54b037ee6c5c4e6e2d7d723217ada1c76a633', array['function public.commit_stage(text, bigint, integer, jsonb)'], $file$-- Commits a stage that has no output tables of its own: its facts go on in the payload. For pipelines whose workers
-- want one transaction instead of steps.
create or replace function public.commit_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_facts jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  return pipeline.finish_stage(v_lease, p_facts);
end;
$$;

revoke execute on function public.commit_stage(text, bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_stage(text, bigint, integer, jsonb) to service_role;
$file$),
('object', 'engine/defer_stage.sql', '26517cabcd9d1eaeff68d4b7ca835ba97c4a26418d103f351f339768e1ada012', array['function public.defer_stage(text, bigint, integer, integer, text, jsonb)'], $file$-- Puts a running stage to sleep without spending its attempt; p_payload is merged into the message's payload.
-- It does not sleep when what it waits for happened while it ran (pipeline.wake_stage).
create or replace function public.defer_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_delay_seconds integer,
  p_message text default null, p_payload jsonb default '{}'::jsonb
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := v_now + make_interval(secs => greatest(p_delay_seconds, 0));
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  update pipeline.job_stages
  set status = 'queued', attempt_count = greatest(attempt_count - 1, 0), lease_expires_at = null,
      available_at = case when wake_requested_at is null then v_until else v_now end
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage
  returning available_at into v_until;
  perform pipeline.set_message(v_lease.queue, p_msg_id, pipeline.put_to_sleep(
    v_lease.message || jsonb_build_object('payload',
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || coalesce(p_payload, '{}'::jsonb)), v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', attempt_count = greatest(attempt_count - 1, 0)
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred',
    coalesce(p_message, format('%s deferred', v_lease.stage)),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', round(extract(epoch from v_until - v_now))));
  return jsonb_build_object('status', 'deferred', 'available_at', v_until);
end;
$$;

revoke execute on function public.defer_stage(text, bigint, integer, integer, text, jsonb) from public, anon, authenticated;
grant execute on function public.defer_stage(text, bigint, integer, integer, text, jsonb) to service_role;
$file$),
('object', 'engine/extend_lease.sql', '5e9b4731431e2a8ac1bdaf40b63bda3315828711872b044ed430f542b4b34c64', array['function public.extend_lease(text, bigint, integer, integer)'], $file$-- Heartbeat: the lease now ends p_seconds from now. False when it is lost or the job was cancelled.
create or replace function public.extend_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer, p_seconds integer)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
begin
  if v_lease.status <> 'held' then
    return false;
  end if;
  perform pipeline.set_message(v_lease.queue, p_msg_id, v_lease.message, v_until);
  update pipeline.job_stages set lease_expires_at = v_until
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  return true;
end;
$$;

revoke execute on function public.extend_lease(text, bigint, integer, integer) from public, anon, authenticated;
grant execute on function public.extend_lease(text, bigint, integer, integer) to service_role;
$file$),
('object', 'engine/fail_stage.sql', '3401432699a000be0e11eaa7d0b517a8d4342e069cc8d979b1ef7d2aee753e13', array['function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text)'], $file$-- Applies what Rust decided about a failed attempt: p_action 'retry' after p_delay_seconds, or 'dead_letter'
-- with p_reason. Attempts that are used up end in the dead letters whatever was asked for.
create or replace function public.fail_stage(
  p_pipeline text, p_msg_id bigint, p_read_ct integer, p_error jsonb,
  p_action text, p_delay_seconds numeric default 0, p_reason text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
  v_now timestamptz := pipeline.now();
  v_delay interval := make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)::double precision);
  v_hook text;
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_stage: action % is neither retry nor dead_letter', p_action using errcode = '22023';
  end if;
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;

  if p_action = 'dead_letter' or v_lease.attempt_count >= v_lease.max_attempts then
    return jsonb_build_object('status', 'dead_lettered', 'dead_letter_id', pipeline.bury(
      p_pipeline, v_lease.queue, p_msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
      coalesce(case when p_action = 'dead_letter' then p_reason end, 'max_attempts_exceeded'),
      p_error, v_lease.attempt_count));
  end if;

  perform pipeline.set_message(v_lease.queue, p_msg_id,
    pipeline.put_to_sleep(v_lease.message, v_now + v_delay, v_now), v_now + v_delay);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, last_error = p_error,
      available_at = v_now + v_delay, next_retry_at = v_now + v_delay
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  update pipeline.jobs set status = 'queued', last_failed_at = v_now
  where pipeline = p_pipeline and id = v_lease.job_id;

  select c.retry_hook into v_hook from pipeline.stage_config as c
  where c.pipeline = p_pipeline and c.stage = v_lease.stage;
  if v_hook is not null then
    execute format('select %s($1, $2)', v_hook) using v_lease.job_id, v_delay;
  end if;

  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'retry_scheduled',
    format('%s failed, retry scheduled: %s', v_lease.stage, coalesce(p_error ->> 'message', p_reason)),
    jsonb_build_object('attempt', v_lease.attempt_count, 'msg_id', p_msg_id, 'reason', p_reason, 'error', p_error,
      'delay_seconds', round(extract(epoch from v_delay), 1),
      'duration_ms', round(extract(epoch from v_now - v_lease.started_at) * 1000)));
  return jsonb_build_object('status', 'retry_scheduled', 'next_retry_at', v_now + v_delay);
end;
$$;

revoke execute on function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text) from public, anon, authenticated;
grant execute on function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text) to service_role;
$file$),
('object', 'engine/finish_stage.sql', '24733a2dc898082af744a07870ac6fcb5caca0187e806e92576bf56e20e5b414', array['function pipeline.finish_stage(pipeline.lease, jsonb, jsonb)'], $file$-- Finishes a stage: hands its facts on, records it, and sends the next stage's message (or completes the job)
-- as it takes the old one away. The caller has checked the lease and written the stage's output rows.
create or replace function pipeline.finish_stage(
  p_lease pipeline.lease,
  p_facts jsonb default '{}'::jsonb,
  p_result jsonb default null
)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_duration_ms bigint := round(extract(epoch from v_now - p_lease.started_at) * 1000);
  -- 'progress' is the stage's own note from one invocation to the next.
  v_payload jsonb := (coalesce(p_lease.message -> 'payload', '{}'::jsonb) - 'progress') || coalesce(p_facts, '{}'::jsonb);
  v_next text;
begin
  insert into pipeline.payloads (pipeline, job_id, stage, data)
  values (p_lease.pipeline, p_lease.job_id, p_lease.stage, v_payload)
  on conflict (pipeline, job_id, stage) do update set data = excluded.data;

  update pipeline.job_stages
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null
  where pipeline = p_lease.pipeline and job_id = p_lease.job_id and stage = p_lease.stage;

  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'completed',
    format('%s completed', p_lease.stage),
    jsonb_build_object('attempt', p_lease.attempt_count, 'duration_ms', v_duration_ms, 'msg_id', p_lease.msg_id)
      || coalesce(p_facts, '{}'::jsonb));

  perform pipeline.delete_message(p_lease.queue, p_lease.msg_id);

  select c.next_stage into v_next from pipeline.stage_config as c
  where c.pipeline = p_lease.pipeline and c.stage = p_lease.stage;
  if v_next is not null then
    perform pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, v_next, v_payload,
      coalesce((p_lease.message ->> 'priority')::integer, 0));
  else
    update pipeline.jobs
    set status = 'completed', completed_at = v_now, last_completed_at = v_now, error = null,
        result = coalesce(p_result, v_payload)
    where pipeline = p_lease.pipeline and id = p_lease.job_id;
    perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, null, 'job_completed', 'job completed',
      (select jsonb_build_object('duration_ms', round(extract(epoch from v_now - j.created_at) * 1000))
       from pipeline.jobs as j where j.pipeline = p_lease.pipeline and j.id = p_lease.job_id));
  end if;
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', v_next);
end;
$$;

revoke execute on function pipeline.finish_stage(pipeline.lease, jsonb, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/insert_event.sql', 'ab6d7c35ef9aad4fa26a6963c969a084205bb9daf2bd8bcdf3482544428be9e1', array['function public.insert_event(text, uuid, text, text, text, jsonb)'], $file$-- Inserts an event; job_id may be null.
create or replace function public.insert_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns bigint
language sql
security definer
set search_path = ''
as $$
  insert into pipeline.job_events (pipeline, job_id, stage, status, message, metadata, created_at)
  values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), pipeline.now())
  returning id;
$$;

revoke execute on function public.insert_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
grant execute on function public.insert_event(text, uuid, text, text, text, jsonb) to service_role;
$file$),
('object', 'engine/lock_lease.sql', '724c0a1775be92236eed602318f37cb2be955b5167ad535c3098e1f8658db0ac', array['function pipeline.lock_lease(text, bigint, integer)'], $file$-- The lease with its rows locked, and whether it still holds.
create or replace function pipeline.lock_lease(p_pipeline text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_message pipeline.message;
  v_lease pipeline.lease;
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
begin
  v_lease.status := 'lease_lost';
  v_lease.pipeline := p_pipeline;
  v_lease.queue := pipeline.queue_of(p_pipeline);
  v_message := pipeline.lock_message(v_lease.queue, p_msg_id);
  if v_message.msg_id is null or v_message.read_ct <> p_read_ct then
    return v_lease;
  end if;
  v_lease.msg_id := v_message.msg_id;
  v_lease.read_ct := v_message.read_ct;
  v_lease.message := v_message.message;

  select * into v_job from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = (v_lease.message ->> 'job_id')::uuid for update;
  select * into v_stage from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = v_job.id and s.stage = v_lease.message ->> 'stage' for update;
  v_lease.job_id := v_job.id;
  v_lease.page_id := v_job.page_id;
  v_lease.stage := v_stage.stage;
  v_lease.attempt_count := v_stage.attempt_count;
  v_lease.max_attempts := v_stage.max_attempts;
  v_lease.started_at := v_stage.started_at;
  if v_job.status = 'cancelled' then
    v_lease.status := 'cancelled';
    -- Cancelling takes no message that is held.
    perform pgmq.delete(v_lease.queue, p_msg_id);
  elsif v_stage.status = 'processing' and v_stage.msg_id = p_msg_id and v_stage.read_ct = p_read_ct then
    v_lease.status := 'held';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_lease(text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'engine/log_event.sql', '1d791746204da330a6631eab9407178dd8598c7d3822335463f8afe0c61986b1', array['function pipeline.log_event(text, uuid, text, text, text, jsonb)'], $file$create or replace function pipeline.log_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into pipeline.job_events (pipeline, job_id, stage, status, message, metadata, created_at)
  values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), pipeline.now());
end;
$$;

revoke execute on function pipeline.log_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/now.sql', '17abd4962dc0a0ecaf451bb58610839237f94dcec1c7757b30ab2e6bd61a45fb', array['function pipeline.now()'], $file$-- The engine's clock. Tests set pageperfect.fake_now to travel in time; nothing else does.
create or replace function pipeline.now()
returns timestamptz
language plpgsql -- with a cached plan; Postgres before 18 plans a SQL function again in each transaction
volatile
set search_path = ''
as $$
begin
  return coalesce(
    nullif(current_setting('pageperfect.fake_now', true), '')::timestamptz,
    clock_timestamp()
  );
end;
$$;

revoke execute on function pipeline.now() from public, anon, authenticated;
grant execute on function pipeline.now() to service_role;

alter table public.gsc_properties alter column available_at set default pipeline.now();
$file$),
('object', 'engine/pipeline_of.sql', '91af67be7198d7ef12affee13471f85b96710bae802763cd5bf77190776953ca', array['function pipeline.pipeline_of(text)'], $file$create or replace function pipeline.pipeline_of(p_queue text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pipeline text;
begin
  select p.pipeline into v_pipeline from pipeline.pipelines as p where p.queue = p_queue;
  if not found then
    raise exception 'queue % belongs to no pipeline', p_queue
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_pipeline;
end;
$$;

revoke execute on function pipeline.pipeline_of(text) from public, anon, authenticated;
$file$),
('object', 'engine/put_to_sleep.sql', '40aca3591e564478e88dfe92f85295edcc5d010816dda436f1850e9c7c10f891', array['function pipeline.put_to_sleep(jsonb, timestamptz, timestamptz)'], $file$-- A message that is to be visible at p_visible_at, marked as asleep until then (see write_queue_functions).
create or replace function pipeline.put_to_sleep(p_message jsonb, p_visible_at timestamptz, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_visible_at > p_now then p_message || jsonb_build_object('asleep', pipeline.wake_time(p_visible_at))
    else p_message - 'asleep'
  end;
end;
$$;

revoke execute on function pipeline.put_to_sleep(jsonb, timestamptz, timestamptz) from public, anon, authenticated;
$file$),
('object', 'engine/queue_of.sql', '2da7e3a8bea21d710966cdea6cc645fb90a5119009db4d880f69701b45e3a085', array['function pipeline.queue_of(text)'], $file$create or replace function pipeline.queue_of(p_pipeline text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_queue text;
begin
  select p.queue into v_queue from pipeline.pipelines as p where p.pipeline = p_pipeline;
  if not found then
    raise exception 'there is no pipeline %', p_pipeline
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_queue;
end;
$$;

revoke execute on function pipeline.queue_of(text) from public, anon, authenticated;
$file$),
('object', 'engine/queue_stage.sql', 'be8fd6e5557f7c778e5dfb4fa6bea9bba3752737e076f73e52f8a6c19bc9fba1', array['function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval)'], $file$-- Sends the message of a stage and makes the stage row its owner. A message the stage already had loses
-- its standing (claims drop it), but the new one keeps its place in line; attempts are kept.
create or replace function pipeline.queue_stage(
  p_pipeline text,
  p_job_id uuid,
  p_stage text,
  p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0,
  p_delay interval default '0'
)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_visible_at timestamptz := v_now + p_delay;
  v_config pipeline.stage_config;
  v_queue text;
  v_traceparent text;
  v_message jsonb;
  v_old_msg_id bigint;
  v_old pipeline.message;
  v_msg_id bigint;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  v_queue := coalesce(v_config.queue, pipeline.queue_of(p_pipeline));

  update pipeline.jobs
  set stage = p_stage, status = 'queued', last_queued_at = v_now, first_queued_at = coalesce(first_queued_at, v_now)
  where pipeline = p_pipeline and id = p_job_id
  returning traceparent into v_traceparent;

  v_message := jsonb_build_object(
    'job_id', p_job_id, 'stage', p_stage, 'payload', coalesce(p_payload, '{}'::jsonb),
    'priority', coalesce(p_priority, 0), 'enqueued_at', v_now);
  if v_traceparent is not null then
    v_message := v_message || jsonb_build_object('traceparent', v_traceparent);
  end if;
  select s.msg_id into v_old_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if v_old_msg_id is not null then
    v_old := pipeline.find_message(v_queue, v_old_msg_id); -- not locked: messages are locked before jobs
    if v_old.msg_id is not null then
      v_message := v_message || jsonb_build_object('seq', coalesce((v_old.message ->> 'seq')::bigint, v_old.msg_id));
    end if;
  end if;
  v_msg_id := (pipeline.send_message(v_queue, pipeline.put_to_sleep(v_message, v_visible_at, v_now), v_visible_at)).msg_id;

  insert into pipeline.job_stages as s (
    pipeline, job_id, stage, status, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    priority, visibility_timeout_seconds, available_at, queued_at
  ) values (
    p_pipeline, p_job_id, p_stage, 'queued', v_msg_id,
    coalesce(v_config.max_attempts, 5), coalesce(v_config.retry_delay_seconds, 10),
    coalesce(v_config.max_retry_delay_seconds, 900), coalesce(p_priority, 0),
    coalesce(v_config.visibility_seconds, 600), v_visible_at, v_now
  )
  on conflict (pipeline, job_id, stage) do update
  set status = 'queued', msg_id = excluded.msg_id, read_ct = null, lease_expires_at = null,
      priority = excluded.priority, available_at = excluded.available_at, queued_at = excluded.queued_at,
      finished_at = null;

  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'queued', format('%s queued', p_stage),
    jsonb_build_object('msg_id', v_msg_id, 'priority', coalesce(p_priority, 0)));
  return v_msg_id;
end;
$$;

revoke execute on function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval) from public, anon, authenticated;
$file$),
('object', 'engine/refusal.sql', 'fc1819cd9dc46f75ade06b34225f12d8da574906628f69bf45f86ff34514df26', array['function pipeline.refusal(pipeline.lease)'], $file$-- What a commit answers when it may not write.
create or replace function pipeline.refusal(p_lease pipeline.lease)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select jsonb_build_object('status', p_lease.status, 'job_id', p_lease.job_id, 'next_stage', null);
$$;

revoke execute on function pipeline.refusal(pipeline.lease) from public, anon, authenticated;
$file$),
('object', 'engine/set_queue_name.sql', '0d1922b9800cc1bd11fcd9f0065a8ad03f69e6dcfb8023d2d4b25132350740df', array['function pipeline.set_queue_name()'], $file$-- A dead letter written by hand need not repeat its pipeline's queue.
create or replace function pipeline.set_queue_name()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.queue_name := coalesce(
    new.queue_name,
    (select p.queue from pipeline.pipelines as p where p.pipeline = new.pipeline)
  );
  return new;
end;
$$;

revoke execute on function pipeline.set_queue_name() from public, anon, authenticated;
$file$),
('object', 'engine/set_updated_at.sql', '921abffa742341935cd3bb610d5f53ffd4210c84ff1958293ba827e43d6a5f98', array['function pipeline.set_updated_at()'], $file$-- Keeps updated_at true without relying on callers.
create or replace function pipeline.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;

revoke execute on function pipeline.set_updated_at() from public, anon, authenticated;

create or replace trigger pages_set_updated_at before update on public.pages
for each row execute function pipeline.set_updated_at();
create or replace trigger crawl_jobs_set_updated_at before update on public.crawl_jobs
for each row execute function pipeline.set_updated_at();
create or replace trigger gsc_page_query_set_updated_at before update on public.gsc_page_query
for each row execute function pipeline.set_updated_at();
create or replace trigger gsc_properties_set_updated_at before update on public.gsc_properties
for each row execute function pipeline.set_updated_at();
-- Those of a pipeline's jobs and payloads are made by pipeline.add_pipeline.
$file$),
('object', 'engine/take_message.sql', '21658e5f1e0e9b49d6872a4c514cae14f9d35cd322b6c45dd5034a79b77ca736', array['function pipeline.take_message(text, text, text, integer)'], $file$-- Takes one visible message off the queue, as pgmq.read does but by priority then age, and, when p_stage is
-- given, only that stage's, through the claim index. Drops what nobody should work on: messages of finished,
-- cancelled or unknown jobs, messages that another one has replaced; buries those whose attempts are used up
-- (a worker that dies without a word ends there). Null when nothing is left.
-- A message that names no job is archived and comes back with job_id null.
create or replace function pipeline.take_message(p_pipeline text, p_queue text, p_stage text, p_visibility_seconds integer)
returns pipeline.lease
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_visible_at timestamptz := v_now + make_interval(secs => p_visibility_seconds);
  v_message pipeline.message;
  v_lease pipeline.lease;
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
begin
  perform pipeline.wake_messages(p_queue, v_now);
  loop
    v_message := case
      when p_stage is null then pipeline.read_any_message(p_queue, v_now, v_visible_at)
      else pipeline.read_message(p_queue, p_stage, v_now, v_visible_at)
    end;
    if v_message.msg_id is null then
      return null;
    end if;
    v_lease := null;
    v_lease.msg_id := v_message.msg_id;
    v_lease.read_ct := v_message.read_ct;
    v_lease.message := v_message.message;
    v_lease.pipeline := p_pipeline;
    v_lease.queue := p_queue;
    v_lease.stage := v_lease.message ->> 'stage';

    if coalesce(v_lease.message ->> 'job_id', '') !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' or v_lease.stage is null then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, null, v_lease.stage, 'unreadable', 'message without job_id acknowledged',
        jsonb_build_object('msg_id', v_lease.msg_id));
      return v_lease;
    end if;
    v_lease.job_id := (v_lease.message ->> 'job_id')::uuid;

    select * into v_job from pipeline.jobs as j
    where j.pipeline = p_pipeline and j.id = v_lease.job_id for update;
    if not found then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'unknown_job', null, v_lease.read_ct);
      continue;
    end if;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = p_pipeline and s.job_id = v_lease.job_id and s.stage = v_lease.stage for update;

    if not found then
      -- Sent by hand with pgmq.send: adopt it.
      insert into pipeline.job_stages (
        pipeline, job_id, stage, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
        priority, visibility_timeout_seconds)
      select p_pipeline, v_lease.job_id, v_lease.stage, v_lease.msg_id,
        coalesce(c.max_attempts, 5), coalesce(c.retry_delay_seconds, 10), coalesce(c.max_retry_delay_seconds, 900),
        coalesce((v_lease.message ->> 'priority')::integer, 0), p_visibility_seconds
      from (select) as one
      left join pipeline.stage_config as c on c.pipeline = p_pipeline and c.stage = v_lease.stage
      returning * into v_stage;
    elsif v_job.status in ('completed', 'cancelled', 'failed') or v_stage.status in ('completed', 'cancelled', 'failed')
        or v_stage.msg_id is distinct from v_lease.msg_id then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'superseded',
        'message without standing archived', jsonb_build_object('msg_id', v_lease.msg_id));
      continue;
    elsif v_stage.attempt_count >= v_stage.max_attempts then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'worker_died', coalesce(v_stage.last_error, '{}'::jsonb)
          || jsonb_build_object('message', 'every attempt ended without a report'), v_stage.attempt_count);
      continue;
    end if;

    v_lease.status := 'held';
    v_lease.page_id := v_job.page_id;
    v_lease.attempt_count := v_stage.attempt_count;
    v_lease.max_attempts := v_stage.max_attempts;
    return v_lease;
  end loop;
end;
$$;

revoke execute on function pipeline.take_message(text, text, text, integer) from public, anon, authenticated;
$file$),
('object', 'engine/wake_stage.sql', 'fedd28282cb6af0cabb726d8a0d0a3ebb7c6b711908ec73f0c6a2dcdd5de533e', array['function pipeline.wake_stage(text, uuid, text)'], $file$-- Wakes a sleeping stage now. One that runs at this moment is told not to sleep at its next defer.
-- Returns whether the stage was there to be woken.
create or replace function pipeline.wake_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_queue text := pipeline.queue_of(p_pipeline);
  v_msg_id bigint;
  v_message pipeline.message;
  v_status text;
begin
  select s.msg_id into v_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  v_message := pipeline.lock_message(v_queue, v_msg_id);
  if v_message.msg_id is null then
    return false;
  end if;
  update pipeline.job_stages
  set wake_requested_at = case when status = 'processing' then v_now end,
      available_at = case when status = 'queued' then v_now else available_at end
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
    and msg_id = v_msg_id and status in ('queued', 'processing')
  returning status into v_status;
  if v_status = 'queued' then
    perform pipeline.set_message(v_queue, v_msg_id, v_message.message - 'asleep', v_now);
  end if;
  return v_status is not null;
end;
$$;

revoke execute on function pipeline.wake_stage(text, uuid, text) from public, anon, authenticated;
$file$),
('object', 'engine/wake_time.sql', '2958fa53cf1a8607ef9af9d8241058e0dc108e017a704def070f4ec3882c5e4e', array['function pipeline.wake_time(timestamptz)'], $file$-- Time as the key "asleep" of a message says it: milliseconds since 1970, never before the time itself.
create or replace function pipeline.wake_time(p_at timestamptz)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return ceil(extract(epoch from p_at) * 1000);
end;
$$;

revoke execute on function pipeline.wake_time(timestamptz) from public, anon, authenticated;
$file$),
('object', 'engine/write_queue_functions.sql', 'f5280e94e671ef6f074db962ec76e1f5b077286b89f818cc27c323ab32435e07', array['function pipeline.write_queue_functions()'], $file$-- Writes the functions through which the engine works on messages, with one branch a queue: static SQL, planned once
-- a connection, where `execute format` would plan every statement of every transition anew.
-- Each returns the message as it is now (when deleted: as it was), or null when it is gone.
-- Sequential scans are off in them and in the engine's own: a plan made while a queue was nearly empty, when reading it
-- whole is cheapest, would be kept while the queue grows.
--
-- A message that is put back for later carries its time under the key "asleep" (pipeline.put_to_sleep), which keeps it
-- out of the claim index; the first claim after that time removes the key. A message that was delayed without it, by
-- pgmq.send, is served all the same, only slower.
create or replace function pipeline.write_queue_functions()
returns void
language plpgsql
set search_path = ''
as $function$
declare
  v_function record;
begin
  for v_function in select * from (values
    -- Messages whose time has come are asleep no more.
    ('wake_messages(p_queue text, p_now timestamptz)', $$
      update pgmq.%1$I as q set message = q.message - 'asleep'
      where q.msg_id = any (array( -- an array is looked up by key; a join may be planned over the whole queue
        select m.msg_id from pgmq.%1$I as m
        where m.message ? 'asleep' and (m.message ->> 'asleep')::bigint <= pipeline.wake_time(p_now)
        order by (m.message ->> 'asleep')::bigint limit 50 for update skip locked));$$),
    -- The next visible message of a stage by priority, then age, as pgmq.read does: hidden until p_visible_at.
    ('read_message(p_queue text, p_stage text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.message ->> 'stage' = p_stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce((m.message ->> 'priority')::integer, 0) desc, coalesce((m.message ->> 'seq')::bigint, m.msg_id)
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- The same over all stages.
    ('read_any_message(p_queue text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.vt <= p_now and not m.message ? 'asleep'
        order by -coalesce((m.message ->> 'priority')::integer, 0), coalesce((m.message ->> 'seq')::bigint, m.msg_id)
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('find_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id;$$),
    ('lock_message(p_queue text, p_msg_id bigint)', $$
      select q.msg_id, q.read_ct, q.vt, q.message into v_message
      from pgmq.%1$I as q where q.msg_id = p_msg_id for update;$$),
    ('send_message(p_queue text, p_message jsonb, p_visible_at timestamptz)', $$
      insert into pgmq.%1$I as q (vt, message) values (p_visible_at, p_message)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('set_message(p_queue text, p_msg_id bigint, p_message jsonb, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set vt = p_visible_at, message = p_message where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    ('delete_message(p_queue text, p_msg_id bigint)', $$
      delete from pgmq.%1$I as q where q.msg_id = p_msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$)
  ) as f (signature, statements)
  loop
    execute format(
      $$create or replace function pipeline.%1$s returns pipeline.message language plpgsql
        set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $body$
        declare
          v_message pipeline.message;
        begin
          case p_queue%2$s
          else
            raise exception 'queue %% belongs to no pipeline', p_queue using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
          end case;
          return v_message;
        end;
        $body$;
        revoke execute on function pipeline.%1$s from public, anon, authenticated$$,
      v_function.signature,
      (select string_agg(format(E'\n          when %L then', p.queue) || format(v_function.statements, 'q_' || p.queue), '' order by p.queue)
       from pipeline.pipelines as p));
  end loop;
end;
$function$;

revoke execute on function pipeline.write_queue_functions() from public, anon, authenticated;
$file$),
('object', 'models/begin_model_call.sql', '19628c4f25d9444e0f9af1c65e8430917376871e5828f0f30adf9d4a1505b9eb', array['function public.begin_model_call(text, text, double precision)'], $file$-- Leave to call a model with about p_tokens tokens: 0, and the call is counted; else the seconds to wait before asking
-- again, and nothing is counted. A call above the size of a bucket is let through when the bucket is full.
create or replace function public.begin_model_call(p_provider text, p_model text, p_tokens double precision)
returns double precision
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_wait double precision;
begin
  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  if not found then
    return 0;
  end if;
  v_now := pipeline.now(); -- with the locks in hand: another call may have been counted meanwhile
  select max(greatest(
    extract(epoch from l.blocked_until - v_now),
    (least(case when l.unit in ('tokens', 'input_tokens') then p_tokens else 1 end, pipeline.bucket_size(l))
      - pipeline.bucket_level(l, v_now)) / pipeline.bucket_refill(l)))
  into v_wait
  from public.model_limits as l
  where l.provider = p_provider and l.model = p_model;
  if v_wait > 0 then
    return least(v_wait, 3600);
  end if;
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now)
        - case l.unit when 'requests' then 1 when 'output_tokens' then 0 else p_tokens end,
      updated_at = v_now
  where l.provider = p_provider and l.model = p_model;
  return 0;
end;
$$;

revoke execute on function public.begin_model_call(text, text, double precision) from public, anon, authenticated;
grant execute on function public.begin_model_call(text, text, double precision) to service_role;
$file$),
('object', 'models/bucket_level.sql', '016457b4a1c4df9f16d3e705f07d83097b01d832985c3510400cbc70ea7c2523', array['function pipeline.bucket_level(public.model_limits, timestamptz)'], $file$create or replace function pipeline.bucket_level(p_limit public.model_limits, p_now timestamptz)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(pipeline.bucket_size(p_limit),
    coalesce(p_limit.available, pipeline.bucket_size(p_limit))
      + pipeline.bucket_refill(p_limit) * greatest(extract(epoch from p_now - p_limit.updated_at), 0));
$$;

revoke execute on function pipeline.bucket_level(public.model_limits, timestamptz) from public, anon, authenticated;
$file$),
('object', 'models/bucket_refill.sql', 'fffc857c44135156e822284b0af30018b4f7ff7e61ffb399508011d8b6b1ccd8', array['function pipeline.bucket_refill(public.model_limits)'], $file$create or replace function pipeline.bucket_refill(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute / 60, coalesce(p_limit.refill_per_second, p_limit.capacity / 60));
$$;

revoke execute on function pipeline.bucket_refill(public.model_limits) from public, anon, authenticated;
$file$),
('object', 'models/bucket_size.sql', '7c122c325d80be7f0ac21336b3752d998d7086ed16dfd7e710927fa3f2b2f30e', array['function pipeline.bucket_size(public.model_limits)'], $file$-- The size of a bucket, and how full it is now; null: nothing is known of its limit.
create or replace function pipeline.bucket_size(p_limit public.model_limits)
returns double precision
language sql
immutable
set search_path = ''
as $$
  select least(p_limit.per_minute, p_limit.capacity);
$$;

revoke execute on function pipeline.bucket_size(public.model_limits) from public, anon, authenticated;
$file$),
('object', 'models/embedding_cache_get.sql', '2ccd85050518687dc72793281dba4af8cbe66213673db9513f9bd951211979b9', array['function public.embedding_cache_get(text, integer, text[])'], $file$-- What the cache holds of p_texts: a JSON array in their order, base64 of the f32s or null.
create or replace function public.embedding_cache_get(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  -- A subquery, not a join: before the table's first analyze a join reads all of a model's rows for each text.
  select coalesce(
    jsonb_agg(
      (
        select replace(encode(c.embedding, 'base64'), E'\n', '')
        from public.embedding_cache as c
        where c.model = p_model
          and c.dimensions = p_dimensions
          and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
      )
      order by t.ordinality
    ),
    '[]'::jsonb
  )
  from unnest(p_texts) with ordinality as t (text, ordinality);
$$;

revoke execute on function public.embedding_cache_get(text, integer, text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_get(text, integer, text[]) to service_role;
$file$),
('object', 'models/embedding_cache_missing.sql', 'fd3791bb9b27451ff23990f01769ecf1b58ffb2d5f97eaa99159e6e7cd8ea92c', array['function public.embedding_cache_missing(text, integer, text[])'], $file$-- Which of p_texts the cache lacks: a JSON array of their indexes from 0. Reads no vector.
create or replace function public.embedding_cache_missing(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
as $$
  select coalesce(jsonb_agg(t.ordinality - 1 order by t.ordinality), '[]'::jsonb)
  from unnest(p_texts) with ordinality as t (text, ordinality)
  -- Counted in a subquery for the same reason as above.
  where (
    select count(*) from public.embedding_cache as c
    where c.model = p_model and c.dimensions = p_dimensions and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
  ) = 0;
$$;

revoke execute on function public.embedding_cache_missing(text, integer, text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_missing(text, integer, text[]) to service_role;
$file$),
('object', 'models/embedding_cache_put.sql', '8676fa5b08cec15d7da521a44d2338e30032b7a5f99cbe864afa4775b581782c', array['function public.embedding_cache_put(text, integer, text[], text[])'], $file$-- Stores embeddings (base64 of f32s) for texts in the same order; returns how many were new.
create or replace function public.embedding_cache_put(
  p_model text,
  p_dimensions integer,
  p_texts text[],
  p_embeddings text[]
)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  if cardinality(p_texts) is distinct from cardinality(p_embeddings) then
    raise exception 'embedding_cache_put: % texts but % embeddings',
      cardinality(p_texts), cardinality(p_embeddings) using errcode = '22023';
  end if;
  insert into public.embedding_cache (model, dimensions, text_sha256, embedding)
  select distinct on (sha256(convert_to(t.text, 'UTF8')))
    p_model, p_dimensions, sha256(convert_to(t.text, 'UTF8')), decode(t.embedding, 'base64')
  from unnest(p_texts, p_embeddings) as t (text, embedding)
  order by 3
  on conflict do nothing;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function public.embedding_cache_put(text, integer, text[], text[]) from public, anon, authenticated;
grant execute on function public.embedding_cache_put(text, integer, text[], text[]) to service_role;
$file$),
('object', 'models/end_model_call.sql', 'cc7d7224176815ef10569dcf0b3fe08ac2786bd2735f0095eb428f0e451cd744', array['function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision)'], $file$-- What became of a call that begin_model_call let through with p_tokens.
--   p_usage {input_tokens, output_tokens}: null when the provider refused it
--   p_limits [{unit, limit, remaining, reset_seconds}]: what the answer said; reset_seconds is the time to the full limit
--   p_blocked_seconds: no call before that, the provider says
create or replace function public.end_model_call(
  p_job_id uuid, p_stage text, p_provider text, p_model text, p_tokens double precision,
  p_usage jsonb default null, p_limits jsonb default '[]'::jsonb, p_blocked_seconds double precision default null
)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_input_tokens bigint := coalesce((p_usage ->> 'input_tokens')::bigint, 0);
  v_output_tokens bigint := coalesce((p_usage ->> 'output_tokens')::bigint, 0);
begin
  insert into public.model_usage as u (job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  select j.id, p_stage, p_provider, p_model, 1, v_input_tokens, v_output_tokens,
    pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens)
  from pipeline.jobs as j
  where p_usage is not null and j.pipeline = 'pageperfect' and j.id = p_job_id
  on conflict (job_id, stage, provider, model) do update
  set call_count = u.call_count + 1, input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, cost_usd = u.cost_usd + excluded.cost_usd;

  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  v_now := pipeline.now();
  -- What was foreseen gives way to what was used.
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now) + case l.unit
        when 'tokens' then p_tokens - v_input_tokens - v_output_tokens
        when 'input_tokens' then p_tokens - v_input_tokens
        when 'output_tokens' then -v_output_tokens
        else 0 end,
      updated_at = v_now
  where p_usage is not null and l.provider = p_provider and l.model = p_model;

  -- Calls under way are in our count and not yet in the provider's, so the lower one holds.
  insert into public.model_limits as l (provider, model, unit, capacity, refill_per_second, available, updated_at)
  select p_provider, p_model, h.unit, h."limit",
    case when h.remaining < h."limit" and h.reset_seconds > 0 then (h."limit" - h.remaining) / h.reset_seconds end,
    h.remaining, v_now
  from jsonb_to_recordset(p_limits) as h (unit text, "limit" double precision, remaining double precision, reset_seconds double precision)
  where h."limit" > 0 and h.remaining >= 0
  order by h.unit
  on conflict (provider, model, unit) do update
  set capacity = excluded.capacity, refill_per_second = coalesce(excluded.refill_per_second, l.refill_per_second),
      available = least(pipeline.bucket_level(l, v_now), excluded.available), updated_at = v_now;

  if p_blocked_seconds is not null then
    insert into public.model_limits as l (provider, model, unit, blocked_until, updated_at)
    values (p_provider, p_model, 'requests', v_now + make_interval(secs => least(p_blocked_seconds, 3600)), v_now)
    on conflict (provider, model, unit) do update
    set blocked_until = greatest(l.blocked_until, excluded.blocked_until);
  end if;
end;
$$;

revoke execute on function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision) from public, anon, authenticated;
grant execute on function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision) to service_role;
$file$),
('object', 'models/keep_model_usage.sql', '4eb9cddbac07feaf9668b340362c575c057c0b0dae68f877c9bc68694d3cfcba', array['function pipeline.keep_model_usage()'], $file$create or replace function pipeline.keep_model_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.model_usage_history as h (
    day, stage, provider, model, job_count, call_count, input_tokens, output_tokens, cost_usd, unpriced_count)
  select u.created_at::date, u.stage, u.provider, u.model, count(*), sum(u.call_count), sum(u.input_tokens), sum(u.output_tokens),
    sum(u.cost_usd), count(*) filter (where u.cost_usd is null)
  from deleted as u
  group by 1, 2, 3, 4
  on conflict (day, stage, provider, model) do update
  set job_count = h.job_count + excluded.job_count, call_count = h.call_count + excluded.call_count,
      input_tokens = h.input_tokens + excluded.input_tokens, output_tokens = h.output_tokens + excluded.output_tokens,
      cost_usd = coalesce(h.cost_usd + excluded.cost_usd, h.cost_usd, excluded.cost_usd),
      unpriced_count = h.unpriced_count + excluded.unpriced_count;
  return null;
end;
$$;

revoke execute on function pipeline.keep_model_usage() from public, anon, authenticated;

create or replace trigger keep_model_usage after delete on public.model_usage
referencing old table as deleted
for each statement execute function pipeline.keep_model_usage();
$file$),
('object', 'models/model_cost.sql', '723f0cbe78db2e86e9c241ec111d6cdc507fa96d314b7e9cca789c23fa827b69', array['function pipeline.model_cost(text, text, bigint, bigint)'], $file$-- What a call costs, dollars; null when the model has no price.
create or replace function pipeline.model_cost(p_provider text, p_model text, p_input_tokens bigint, p_output_tokens bigint)
returns numeric
language sql
stable
set search_path = ''
as $$
  select (p_input_tokens * p.input_usd + case when p_output_tokens = 0 then 0 else p_output_tokens * p.output_usd end) / 1e6
  from public.model_prices as p
  where p.provider = p_provider and p.model in (p_model, '*')
  order by p.model = '*'
  limit 1;
$$;

revoke execute on function pipeline.model_cost(text, text, bigint, bigint) from public, anon, authenticated;
$file$),
('object', 'models/model_metrics.sql', '94ef2ba23532c1aaf46b6f7bd745a1ea5ee55efab1251a791a4fcea24848a6da', array['function public.model_metrics()'], $file$-- Figures for monitoring: what models were used in the last 24 hours, and where their limits stand.
create or replace function public.model_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'usage', (select coalesce(jsonb_agg(to_jsonb(u) order by u.provider, u.model), '[]'::jsonb) from (
        select u.provider, u.model, sum(u.call_count) as call_count, sum(u.input_tokens) as input_tokens,
          sum(u.output_tokens) as output_tokens, sum(u.cost_usd) as cost_usd,
          count(*) filter (where u.cost_usd is null) as unpriced_count
        from public.model_usage as u where u.created_at > now() - interval '1 day' group by 1, 2) as u),
    'limits', (select coalesce(jsonb_agg(jsonb_build_object('provider', l.provider, 'model', l.model, 'unit', l.unit,
        'size', pipeline.bucket_size(l), 'available', pipeline.bucket_level(l, pipeline.now()),
        'blocked_seconds', greatest(extract(epoch from l.blocked_until - pipeline.now()), 0))
        order by l.provider, l.model, l.unit), '[]'::jsonb)
      from public.model_limits as l));
$$;

revoke execute on function public.model_metrics() from public, anon, authenticated;
grant execute on function public.model_metrics() to service_role;
$file$),
('object', 'models/prune_embedding_cache.sql', '55ee57d955ac16c3fd6e17bf92cbd5798ff0286354e745361e70050a8bed1e54', array['function public.prune_embedding_cache(interval, integer)'], $file$-- Forgets embeddings older than p_after: the largest table, and cheap to fill again. One bounded step; returns its count.
create or replace function public.prune_embedding_cache(p_after interval default '90 days', p_limit integer default 5000)
returns integer
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_count integer;
begin
  delete from public.embedding_cache
  where ctid in (select c.ctid from public.embedding_cache as c where c.created_at < now() - p_after limit p_limit);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function public.prune_embedding_cache(interval, integer) from public, anon, authenticated;
grant execute on function public.prune_embedding_cache(interval, integer) to service_role;
$file$),
('object', 'operations/cancel_job.sql', 'e504dbdd160b84c07839396f6de6fa6953fc06afef28f58047efd10c8ef1634b', array['function public.cancel_job(text, uuid)'], $file$-- Ends a job wherever it stands. A stage that runs at this moment finds its lease gone and changes nothing.
create or replace function public.cancel_job(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
  v_status text;
begin
  -- Messages first: the one order of locks.
  execute format(
    'select from pgmq.%I as q where q.msg_id in (
       select s.msg_id from pipeline.job_stages as s where s.pipeline = $1 and s.job_id = $2) for update',
    'q_' || v_queue) using p_pipeline, p_job_id;
  select j.status into v_status from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_status in ('completed', 'failed', 'cancelled') then
    return jsonb_build_object('status', v_status, 'cancelled', false);
  end if;
  -- A message that came while this waited for the job may be held by who waits for the job now: a claim or a worker's
  -- report, which finds the job cancelled and takes the message away. To wait for it would be a deadlock.
  execute format(
    'delete from pgmq.%1$I as q where q.msg_id in (
       select m.msg_id from pgmq.%1$I as m where m.msg_id in (
         select s.msg_id from pipeline.job_stages as s where s.pipeline = $1 and s.job_id = $2) for update skip locked)',
    'q_' || v_queue) using p_pipeline, p_job_id;
  update pipeline.job_stages
  set status = 'cancelled', lease_expires_at = null, next_retry_at = null, finished_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and status in ('queued', 'processing');
  update pipeline.jobs set status = 'cancelled', cancelled_at = pipeline.now()
  where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, null, 'cancelled', 'job cancelled');
  return jsonb_build_object('status', 'cancelled', 'cancelled', true);
end;
$$;

revoke execute on function public.cancel_job(text, uuid) from public, anon, authenticated;
grant execute on function public.cancel_job(text, uuid) to service_role;
$file$),
('object', 'operations/check_invariants.sql', '21815a21af6e71b4332a4d5524862b0487a710e69580e99083f6ce03b44510fe', array['function public.check_invariants()'], $file$-- What must never be: a row here is a defect (or an operator's hand). Columns name the rule and the place.
create or replace function public.check_invariants()
returns table (rule text, pipeline text, job_id uuid, detail text)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v record;
begin
  for v in select p.pipeline, p.queue from pipeline.pipelines as p loop
    return query execute format($q$
      select 'an open stage has its message on the queue', s.pipeline, s.job_id, format('stage %%s, message %%s', s.stage, s.msg_id)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status in ('queued', 'processing')
        and not exists (select 1 from pgmq.%1$I as q where q.msg_id = s.msg_id)
      union all
      select 'an open job has exactly one open stage', j.pipeline, j.id, format('job %%s at %%s', j.status, j.stage)
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status in ('queued', 'processing') and 1 <> (
        select count(*) from pipeline.job_stages as s
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status in ('queued', 'processing'))
      union all
      select 'a finished job has no open stage', j.pipeline, j.id, format('job %%s, stage %%s %%s', j.status, s.stage, s.status)
      from pipeline.jobs as j
      join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id
      where j.pipeline = $1 and j.status in ('completed', 'failed', 'cancelled') and s.status in ('queued', 'processing')
      union all
      select 'a failed job has a dead letter', j.pipeline, j.id, j.stage
      from pipeline.jobs as j
      where j.pipeline = $1 and j.status = 'failed'
        and not exists (select 1 from pipeline.dead_letters as d where d.pipeline = j.pipeline and d.job_id = j.id)
      union all
      select 'no lease is older than its expiry by a minute', s.pipeline, s.job_id, format('stage %%s expired %%s', s.stage, s.lease_expires_at)
      from pipeline.job_stages as s
      where s.pipeline = $1 and s.status = 'processing' and s.lease_expires_at < pipeline.now() - interval '1 minute'
    $q$, 'q_' || v.queue) using v.pipeline;
  end loop;
end;
$$;

revoke execute on function public.check_invariants() from public, anon, authenticated;
grant execute on function public.check_invariants() to service_role;
$file$),
('object', 'operations/dispatch_plan.sql', 'fa6cbe4de669570785864e5d349e4277db6891e57d027cfe1ade1fe70ab7efeb', array['function public.dispatch_plan(text)'], $file$-- Which workers to invoke now, and how often: what waits, what runs, what the stage's limits allow.
create or replace function public.dispatch_plan(p_pipeline text default null)
returns table (pipeline text, stage text, queue text, worker text, trigger_count integer)
language sql
stable
security definer
set search_path = ''
as $$
  with room as (
    select c.*, c.max_concurrency - (
      select count(*)::integer from pipeline.job_stages as s
      where s.pipeline = c.pipeline and s.stage = c.stage and s.status = 'processing'
        and s.lease_expires_at > pipeline.now()
    ) as free
    from pipeline.stage_config as c
    where c.enabled and (p_pipeline is null or c.pipeline = p_pipeline)
  ),
  wanted as (
    select r.*, pipeline.ready_count(r.queue, r.stage, least(r.free, r.trigger_batch_size)) as ready
    from room as r
    where r.free > 0
  )
  select w.pipeline, w.stage, w.queue, w.worker, w.ready
  from wanted as w
  where w.ready > 0
  order by w.pipeline, w.position desc; -- what is nearly done first
$$;

revoke execute on function public.dispatch_plan(text) from public, anon, authenticated;
grant execute on function public.dispatch_plan(text) to service_role;
$file$),
('object', 'operations/latest_payload.sql', 'b1fea0dd54de87db0703221156c8d3e4a20f76039f4da68f91c786f715197261', array['function pipeline.latest_payload(text, uuid)'], $file$-- What the last finished stage handed on.
create or replace function pipeline.latest_payload(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select p.data
  from pipeline.payloads as p
  join pipeline.job_stages as s on s.pipeline = p.pipeline and s.job_id = p.job_id and s.stage = p.stage
  where p.pipeline = p_pipeline and p.job_id = p_job_id and s.status = 'completed'
  order by s.finished_at desc
  limit 1;
$$;

revoke execute on function pipeline.latest_payload(text, uuid) from public, anon, authenticated;
$file$),
('object', 'operations/pipeline_metrics.sql', 'b041badb4ee06441d3e0b2804c686d43fd3288874dd65b389f3928ccd7e110c6', array['function public.pipeline_metrics()'], $file$-- The figures of the whole system as one JSON value.
create or replace function public.pipeline_metrics()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'at', pipeline.now(),
    'stages', (select coalesce(jsonb_agg(to_jsonb(m) - 'position' order by m.pipeline, m.position), '[]'::jsonb)
               from pipeline.stage_metrics as m),
    'jobs', (select coalesce(jsonb_agg(to_jsonb(j) order by j.pipeline, j.status), '[]'::jsonb) from (
               select j.pipeline, j.status, count(*) from pipeline.jobs as j group by 1, 2) as j),
    'last_hour', (select coalesce(jsonb_agg(to_jsonb(e) order by e.pipeline, e.stage, e.status), '[]'::jsonb) from (
               select e.pipeline, e.stage, e.status, count(*),
                 round(avg((e.metadata ->> 'duration_ms')::numeric)) as avg_duration_ms
               from pipeline.job_events as e
               where e.created_at > pipeline.now() - interval '1 hour' and e.stage is not null
               group by 1, 2, 3) as e),
    'dead_letters', (select coalesce(jsonb_agg(to_jsonb(d) order by d.pipeline, d.stage, d.failure_reason), '[]'::jsonb) from (
               select d.pipeline, d.stage, d.failure_reason, count(*)
               from pipeline.dead_letters as d where d.replayed_at is null group by 1, 2, 3) as d));
$$;

revoke execute on function public.pipeline_metrics() from public, anon, authenticated;
grant execute on function public.pipeline_metrics() to service_role;
$file$),
('object', 'operations/prune.sql', '4e17fd3ee9e935f2b27ec6e59b8f407384447b2dfa4dc39fa014564cc1a1d0cd', array['function public.prune(interval, interval, interval, integer)'], $file$-- Deletes what has outlived its use: finished jobs with all that belongs to them, replayed dead letters,
-- archived messages. An age of null keeps that kind for ever. Works in bounded steps; repeat while deleted_count > 0.
create or replace function public.prune(
  p_completed_after interval default '30 days',
  p_failed_after interval default '90 days',
  p_archive_after interval default '7 days',
  p_limit integer default 5000
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_jobs integer;
  v_letters integer;
  v_archived integer := 0;
  v_count integer;
  v_queue text;
begin
  with old as (
    select j.pipeline, j.id from pipeline.jobs as j
    where (j.status = 'completed' and j.completed_at < v_now - p_completed_after)
      or (j.status = 'cancelled' and j.cancelled_at < v_now - p_completed_after)
      or (j.status = 'failed' and j.last_failed_at < v_now - p_failed_after)
    limit p_limit
  )
  delete from pipeline.jobs as j using old where j.pipeline = old.pipeline and j.id = old.id;
  get diagnostics v_jobs = row_count;

  delete from pipeline.dead_letters as d
  where d.replayed_at < v_now - p_completed_after or d.routed_at < v_now - p_failed_after;
  get diagnostics v_letters = row_count;

  for v_queue in select p.queue from pipeline.pipelines as p loop
    execute format('delete from pgmq.%I where archived_at < $1', 'a_' || v_queue) using v_now - p_archive_after;
    get diagnostics v_count = row_count;
    v_archived := v_archived + v_count;
  end loop;
  return jsonb_build_object('deleted_count', v_jobs + v_letters + v_archived, 'job_count', v_jobs,
    'dead_letter_count', v_letters, 'archived_message_count', v_archived);
end;
$$;

revoke execute on function public.prune(interval, interval, interval, integer) from public, anon, authenticated;
grant execute on function public.prune(interval, interval, interval, integer) to service_role;
$file$),
('object', 'operations/ready_count.sql', '9114f7432794917305c6e3f9151bffa4c062cf2888fff5d33a6061488f02c790', array['function pipeline.ready_count(text, text, integer)'], $file$-- How many of a stage's messages are visible, counted no further than p_limit: the dispatcher never needs more.
create or replace function pipeline.ready_count(p_queue text, p_stage text, p_limit integer)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  v_count integer;
begin
  execute format(
    'select count(*) from (
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.vt <= $2 and not q.message ? ''asleep'' limit $3)
       union all
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.message ? ''asleep''
          and (q.message ->> ''asleep'')::bigint <= pipeline.wake_time($2) limit $3)
       limit $3) as ready', 'q_' || p_queue) into v_count using p_stage, pipeline.now(), p_limit;
  return v_count;
end;
$$;

revoke execute on function pipeline.ready_count(text, text, integer) from public, anon, authenticated;
$file$),
('object', 'operations/reap_expired_leases.sql', 'f7d3a9b24b8e2971af94f65dea393b9a0da773b21ccf674190a739aec4db2965', array['function public.reap_expired_leases(integer)'], $file$-- Takes back the stages whose worker went silent. Their messages are visible again by themselves (pgmq's
-- visibility timeout is the lease); this makes the stage rows say so, with an event, and buries those whose
-- attempts are used up. Sends a lost message again. Sweeps messages that name no stage, which no claim would find.
create or replace function public.reap_expired_leases(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_expired record;
  v_pipeline record;
  v_msg record;
  v_stage pipeline.job_stages;
  v_reaped integer := 0;
  v_buried integer := 0;
  v_resent integer := 0;
  v_swept integer := 0;
begin
  for v_expired in
    select s.pipeline, s.job_id, s.stage, s.msg_id, p.queue
    from pipeline.job_stages as s
    join pipeline.pipelines as p on p.pipeline = s.pipeline
    where s.status = 'processing' and coalesce(s.lease_expires_at, s.started_at + make_interval(secs => s.visibility_timeout_seconds)) <= v_now
    order by s.lease_expires_at
    limit p_limit
  loop
    execute format('select q.msg_id, q.message from pgmq.%I as q where q.msg_id = $1 for update skip locked', 'q_' || v_expired.queue)
      into v_msg using v_expired.msg_id;
    perform 1 from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id for update;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = v_expired.pipeline and s.job_id = v_expired.job_id and s.stage = v_expired.stage for update;
    -- A heartbeat or a new claim may have come first.
    continue when v_stage.status <> 'processing' or v_stage.lease_expires_at > v_now
      or v_stage.msg_id is distinct from v_expired.msg_id;

    if v_msg.msg_id is null then
      execute format('select q.msg_id from pgmq.%I as q where q.msg_id = $1', 'q_' || v_expired.queue)
        into v_msg using v_expired.msg_id;
      continue when v_msg.msg_id is not null; -- held by a claim this moment
    end if;

    v_reaped := v_reaped + 1;
    perform pipeline.log_event(v_expired.pipeline, v_expired.job_id, v_expired.stage, 'lease_expired',
      format('%s: the worker went silent', v_expired.stage),
      jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_expired.msg_id));
    if v_msg.msg_id is null then
      v_resent := v_resent + 1;
      perform pipeline.queue_stage(v_expired.pipeline, v_expired.job_id, v_expired.stage,
        (select j.payload from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id)
          || coalesce(pipeline.latest_payload(v_expired.pipeline, v_expired.job_id), '{}'::jsonb),
        v_stage.priority);
    elsif v_stage.attempt_count >= v_stage.max_attempts then
      v_buried := v_buried + 1;
      perform pipeline.bury(v_expired.pipeline, v_expired.queue, v_msg.msg_id, v_msg.message, v_expired.job_id,
        v_expired.stage, 'worker_died', coalesce(v_stage.last_error, '{}'::jsonb)
          || jsonb_build_object('message', 'every attempt ended without a report'), v_stage.attempt_count);
    else
      update pipeline.job_stages
      set status = 'queued', lease_expires_at = null, available_at = v_now
      where pipeline = v_expired.pipeline and job_id = v_expired.job_id and stage = v_expired.stage;
      update pipeline.jobs set status = 'queued'
      where pipeline = v_expired.pipeline and id = v_expired.job_id and status = 'processing';
    end if;
  end loop;

  for v_pipeline in select p.pipeline, p.queue from pipeline.pipelines as p loop
    for v_msg in execute format(
      'select q.msg_id, q.message, q.read_ct from pgmq.%I as q
       where q.message ->> ''stage'' is null and q.vt <= $1 and not q.message ? ''asleep''
       limit 100 for update skip locked', 'q_' || v_pipeline.queue)
      using v_now
    loop
      v_swept := v_swept + 1;
      perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, v_msg.msg_id, v_msg.message, null, null,
        'unreadable_message', null, v_msg.read_ct);
    end loop;
  end loop;

  return jsonb_build_object('reaped_count', v_reaped, 'dead_lettered_count', v_buried + v_swept, 'resent_count', v_resent);
end;
$$;

revoke execute on function public.reap_expired_leases(integer) from public, anon, authenticated;
grant execute on function public.reap_expired_leases(integer) to service_role;
$file$),
('object', 'operations/replay_dead_letter.sql', '499d2b50b1841fc6b57335fa09ea77e34fc6163d586932516dc4d9d0d0f4ad54', array['function public.replay_dead_letter(text, bigint)'], $file$-- Sends a dead letter's stage back to the queue with the payload it failed with and fresh attempts. Once.
create or replace function public.replay_dead_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_letter pipeline.dead_letters;
  v_hook text;
  v_msg_id bigint;
begin
  select * into v_letter from pipeline.dead_letters as d
  where d.pipeline = p_pipeline and d.id = p_dead_letter_id for update;
  if not found then
    raise exception 'there is no dead letter % in pipeline %', p_dead_letter_id, p_pipeline using errcode = 'P0002';
  end if;
  if v_letter.replayed_at is not null then
    return jsonb_build_object('status', 'already_replayed', 'job_id', v_letter.job_id);
  end if;
  perform 1 from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = v_letter.job_id and j.status = 'failed' for update;
  if not found or v_letter.stage is null then
    return jsonb_build_object('status', 'not_replayable', 'job_id', v_letter.job_id);
  end if;

  update pipeline.job_stages
  set attempt_count = 0, dead_lettered_at = null, dead_letter_reason = null
  where pipeline = p_pipeline and job_id = v_letter.job_id and stage = v_letter.stage;
  v_msg_id := pipeline.queue_stage(p_pipeline, v_letter.job_id, v_letter.stage, v_letter.payload -> 'payload',
    coalesce((v_letter.payload ->> 'priority')::integer, 0));
  update pipeline.jobs set error = null where pipeline = p_pipeline and id = v_letter.job_id;
  select c.retry_hook into v_hook from pipeline.stage_config as c
  where c.pipeline = p_pipeline and c.stage = v_letter.stage;
  if v_hook is not null then
    execute format('select %s($1, $2)', v_hook) using v_letter.job_id, interval '0';
  end if;
  update pipeline.dead_letters set replayed_at = pipeline.now()
  where pipeline = p_pipeline and id = p_dead_letter_id;
  perform pipeline.log_event(p_pipeline, v_letter.job_id, v_letter.stage, 'replayed',
    format('%s replayed from dead letter %s', v_letter.stage, p_dead_letter_id),
    jsonb_build_object('dead_letter_id', p_dead_letter_id, 'msg_id', v_msg_id));
  return jsonb_build_object('status', 'replayed', 'job_id', v_letter.job_id, 'msg_id', v_msg_id);
end;
$$;

revoke execute on function public.replay_dead_letter(text, bigint) from public, anon, authenticated;
grant execute on function public.replay_dead_letter(text, bigint) to service_role;
$file$),
('object', 'operations/replay_dead_letters.sql', 'af97dac49a5080c889557eda4159978222b265ce4efefda9859711e289ec0096', array['function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer)'], $file$-- Replays every dead letter that fits the filters (null: any); returns how many went back.
create or replace function public.replay_dead_letters(
  p_pipeline text, p_stage text default null, p_reason text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_limit integer default 1000
)
returns integer
language sql
security definer
set search_path = ''
as $$
  with letters as (
    select d.id from pipeline.dead_letters as d
    where d.pipeline = p_pipeline and d.replayed_at is null
      and (p_stage is null or d.stage = p_stage)
      and (p_reason is null or d.failure_reason = p_reason)
      and (p_since is null or d.routed_at >= p_since)
      and (p_until is null or d.routed_at < p_until)
    order by d.routed_at
    limit p_limit
  )
  select count(*) filter (where public.replay_dead_letter(p_pipeline, l.id) ->> 'status' = 'replayed')::integer
  from letters as l;
$$;

revoke execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer) from public, anon, authenticated;
grant execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer) to service_role;
$file$),
('object', 'operations/stage_metrics.sql', '348d7927fe04e0b25309252df587553258613d3716b4c99017d7d1cd77d01da8', array['view pipeline.stage_metrics'], $file$-- Backlog, age, running and failing per stage: the dispatcher's GET answers with this.
create or replace view pipeline.stage_metrics
with (security_invoker = true)
as
select
  c.pipeline,
  c.stage,
  c.position,
  c.max_concurrency,
  coalesce(s.ready_count, 0) as ready_count,
  coalesce(s.sleeping_count, 0) as sleeping_count,
  coalesce(s.in_flight_count, 0) as in_flight_count,
  round(extract(epoch from pipeline.now() - s.oldest_ready_at)) as oldest_ready_seconds,
  coalesce(s.failed_count, 0) as failed_count
from pipeline.stage_config as c
left join (
  select
    s.pipeline,
    s.stage,
    count(*) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as ready_count,
    count(*) filter (where s.status = 'queued' and s.available_at > pipeline.now()) as sleeping_count,
    count(*) filter (where s.status = 'processing') as in_flight_count,
    count(*) filter (where s.status = 'failed') as failed_count,
    min(s.available_at) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as oldest_ready_at
  from (
    select w.pipeline, w.stage, w.status, w.available_at from pipeline.job_stages as w where w.status in ('queued', 'failed')
    union all
    select r.pipeline, r.stage, r.status, r.available_at from pipeline.job_stages as r where r.status = 'processing'
  ) as s -- in two parts, as they are indexed
  group by s.pipeline, s.stage
) as s on s.pipeline = c.pipeline and s.stage = c.stage;
comment on view pipeline.stage_metrics is 'Backlog, oldest age, in flight and failed per stage';

revoke all on pipeline.stage_metrics from public, anon, authenticated, service_role;
grant select on pipeline.stage_metrics to service_role;
$file$),
('object', 'pageperfect/commit_gap_analysis.sql', '97da468187689a9b1402e851e8a0d7f820cebe51589c2c10b0f45c9539932f5d', array['function public.commit_gap_analysis(bigint, integer, jsonb)'], $file$create or replace function public.commit_gap_analysis(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('gap_analysis', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.keyword_clusters as k
  set best_segment_id = m.best_segment_id, best_similarity = m.best_similarity,
      second_segment_id = m.second_segment_id, second_similarity = m.second_similarity,
      is_gap = m.is_gap, opportunity = m.opportunity
  from jsonb_to_recordset(p_output -> 'coverage') as m (
    cluster_id bigint, best_segment_id bigint, best_similarity double precision, second_segment_id bigint,
    second_similarity double precision, is_gap boolean, opportunity double precision)
  where k.id = m.cluster_id and k.page_id = v_lease.page_id;

  delete from public.rewrite_recommendations where page_id = v_lease.page_id;
  insert into public.rewrite_recommendations (
    page_id, job_id, cluster_id, rank, label, opportunity, impressions, clicks, avg_position, threshold,
    best_segment_id, best_similarity, second_similarity)
  select v_lease.page_id, v_lease.job_id, k.id, m.rank, k.label, m.opportunity, k.impressions, k.clicks, k.avg_position,
    (p_output ->> 'threshold')::double precision, m.best_segment_id, m.best_similarity, m.second_similarity
  from jsonb_to_recordset(p_output -> 'recommendations') as m (
    cluster_id bigint, rank integer, opportunity double precision, best_segment_id bigint,
    best_similarity double precision, second_similarity double precision)
  join public.keyword_clusters as k on k.id = m.cluster_id and k.page_id = v_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_output -> 'recommendations') then
    -- Another job replaced the clusters meanwhile; the retry scores the new ones.
    raise exception 'the clusters of page % were replaced while they were scored', v_lease.page_id using errcode = '40001';
  end if;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('gap_count', v_count, 'threshold', p_output -> 'threshold', 'top', p_output -> 'top'));
end;
$$;

revoke execute on function public.commit_gap_analysis(bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_gap_analysis(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/commit_keyword_clustering.sql', '1f081037ef38c983f607227148b1fd1718277e1bac1498a48dbd51cf28256fd3', array['function public.commit_keyword_clustering(bigint, integer, jsonb)'], $file$create or replace function public.commit_keyword_clustering(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('keyword_clustering', p_msg_id, p_read_ct);
  v_count integer;
  v_noise_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if exists (
    select 1 from public.page_embeddings as e
    where e.page_id = v_lease.page_id
      and (e.model, e.dimensions) is distinct from (p_output ->> 'model', (p_output ->> 'dimensions')::integer)
  ) then
    return pipeline.go_back(v_lease, 'segment_embed', format('the embedding model became %s', p_output ->> 'model'));
  end if;
  delete from public.keyword_clusters where page_id = v_lease.page_id;
  insert into public.keyword_clusters (
    page_id, job_id, cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion,
    impressions, clicks, avg_position, model, dimensions, centroid)
  select v_lease.page_id, v_lease.job_id, c.cluster_index, c.is_noise, c.label, c.medoid_query, coalesce(c.terms, '{}'), c.queries,
    c.size, c.cohesion, c.impressions::bigint, c.clicks::bigint, c.avg_position,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(c.centroid::extensions.vector, v.vector)
  from rows from (jsonb_to_recordset(p_output -> 'clusters') as (
    cluster_index integer, is_noise boolean, label text, medoid_query text, terms text[], queries text[], size integer,
    cohesion double precision, impressions numeric, clicks numeric, avg_position double precision, centroid text))
    with ordinality as c (
    cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion, impressions, clicks, avg_position,
    centroid, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = c.ordinality - 1
    and v.digest = p_output ->> 'digest'
  order by c.ordinality;
  perform pipeline.drop_unfinished(v_lease);
  select count(*) filter (where not k.is_noise), count(*) filter (where k.is_noise) into v_count, v_noise_count
  from public.keyword_clusters as k where k.page_id = v_lease.page_id;
  return pipeline.finish_stage(v_lease,
    jsonb_build_object('cluster_count', v_count, 'noise_count', v_noise_count,
      'eps', p_output -> 'eps', 'min_points', p_output -> 'min_points', 'max_cluster_size', p_output -> 'max_cluster_size',
      'is_exact', p_output -> 'is_exact',
      'left_out_keyword_count', coalesce((p_output ->> 'left_out_count')::integer, 0))
    || pipeline.usage_fact(v_lease, p_output));
end;
$$;

revoke execute on function public.commit_keyword_clustering(bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_keyword_clustering(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/commit_rewrite_draft.sql', 'e0e86a3f2e3cf1290c64ca15f9c6519f4c13c97b577754625f05951ce6bc8757', array['function public.commit_rewrite_draft(bigint, integer, jsonb)'], $file$create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('rewrite_draft', p_msg_id, p_read_ct);
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if coalesce((p_output ->> 'skipped')::boolean, false) then
    v_facts := jsonb_build_object('draft_skipped', p_output ->> 'reason');
  else
    insert into public.rewrite_drafts (
      page_id, job_id, recommendation_id, label, provider, model, draft, prompt_tokens, completion_tokens)
    select v_lease.page_id, v_lease.job_id, r.id, r.label, p_output ->> 'provider', p_output ->> 'model', p_output -> 'draft',
      (p_output ->> 'prompt_tokens')::integer, (p_output ->> 'completion_tokens')::integer
    from public.rewrite_recommendations as r
    where r.id = (p_output ->> 'recommendation_id')::bigint
    on conflict (job_id) do update
    set recommendation_id = excluded.recommendation_id, label = excluded.label, provider = excluded.provider,
        model = excluded.model, draft = excluded.draft, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens;
    if not found then
      raise exception 'recommendation % was replaced while its draft was written', p_output ->> 'recommendation_id'
        using errcode = '40001';
    end if;
    v_facts := jsonb_build_object('draft_model', p_output ->> 'model') || pipeline.usage_fact(v_lease, jsonb_build_object(
      'usage', jsonb_build_object('prompt_tokens', p_output -> 'prompt_tokens', 'completion_tokens', p_output -> 'completion_tokens')));
  end if;
  return pipeline.finish_stage(v_lease, v_facts,
    pipeline.pageperfect_analysis(v_lease.job_id, v_lease.page_id,
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || v_facts));
end;
$$;

revoke execute on function public.commit_rewrite_draft(bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_rewrite_draft(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/commit_segment_embed.sql', '2f2232a1358dc00eb0860347800983c0dd69e4e57563755da2179538eb4dc16e', array['function public.commit_segment_embed(bigint, integer, jsonb)'], $file$create or replace function public.commit_segment_embed(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('segment_embed', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.pages
  set title = p_output -> 'page' ->> 'title', description = p_output -> 'page' ->> 'description',
      language = p_output -> 'page' ->> 'language', canonical_url = p_output -> 'page' ->> 'canonical_url',
      published_at = p_output -> 'page' ->> 'published_at'
  where id = v_lease.page_id;

  delete from public.page_embeddings where page_id = v_lease.page_id;
  insert into public.page_embeddings (
    page_id, job_id, position, kind, heading_path, text, char_start, char_end, css_path, token_count, model, dimensions, embedding)
  select v_lease.page_id, v_lease.job_id, s.position, s.kind, coalesce(s.heading_path, '{}'), s.text,
    s.char_start, s.char_end, s.css_path, s.token_count,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(s.embedding::extensions.vector, v.vector)
  from rows from (jsonb_to_recordset(p_output -> 'segments') as (
    position integer, kind text, heading_path text[], text text, char_start integer, char_end integer,
    css_path text, token_count integer, embedding text)) with ordinality as s (
    position, kind, heading_path, text, char_start, char_end, css_path, token_count, embedding, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = s.ordinality - 1
    and v.digest = p_output ->> 'digest';
  get diagnostics v_count = row_count;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('paragraph_count', v_count) || pipeline.usage_fact(v_lease, p_output));
end;
$$;

revoke execute on function public.commit_segment_embed(bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_segment_embed(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/commit_submit_crawl.sql', 'd6b609d2a13cba6409d313c68307d917240644440d4aa75a0e747fc4ed9ccdf1', array['function public.commit_submit_crawl(bigint, integer, jsonb)'], $file$create or replace function public.commit_submit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('submit_crawl', p_msg_id, p_read_ct);
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
grant execute on function public.commit_submit_crawl(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/commit_wait_crawl.sql', 'd74d84fc87fb3ac989567cbb689484a660f2488144a3e6d07736e7d615465b66', array['function public.commit_wait_crawl(bigint, integer, jsonb)'], $file$create or replace function public.commit_wait_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('wait_crawl', p_msg_id, p_read_ct);
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
grant execute on function public.commit_wait_crawl(bigint, integer, jsonb) to service_role;
$file$),
('object', 'pageperfect/create_pageperfect_job.sql', '038c2765cab76bd49bad2a94e8014e6efc1cde50b4bb412bc8353a98e5ca4435', array['function public.create_pageperfect_job(jsonb, uuid, text)'], $file$-- Creates a job from a checked request (see crates/policy, intake): finds or makes the page, upserts the keywords that
-- came along, queues the first stage. The same idempotency key gives the same job. A user (p_user_id) works on pages of
-- their own: P0002 for another's page_id, 53400 when they have as many open jobs as pipeline.user_policy allows.
create or replace function public.create_pageperfect_job(
  p_request jsonb, p_user_id uuid default null, p_traceparent text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_url text := p_request ->> 'url';
  v_page_id uuid;
  v_priority integer := coalesce((p_request ->> 'priority')::integer, 0);
  v_key text := nullif(p_request ->> 'idempotency_key', '');
  v_keyword_count integer := 0;
  v_job pipeline.jobs;
  v_payload jsonb;
  v_max_open_jobs integer;
begin
  -- A caller's key never meets another caller's.
  v_key := coalesce(p_user_id::text, 'service') || ':' || v_key;
  if v_key is not null then
    select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
    if found then
      return jsonb_build_object('job_id', v_job.id, 'page_id', v_job.page_id, 'status', v_job.status, 'created', false);
    end if;
  end if;

  if p_user_id is not null then
    -- Two requests that count the same jobs would both pass.
    perform pg_advisory_xact_lock(hashtextextended('create_pageperfect_job ' || p_user_id, 0));
    select u.max_open_jobs into v_max_open_jobs from pipeline.user_policy as u;
    if v_max_open_jobs <= (
      select count(*) from pipeline.jobs as j
      where j.pipeline = 'pageperfect' and j.user_id = p_user_id and j.status in ('queued', 'processing')
    ) then
      raise exception 'you have % open jobs, as many as may be open at once: wait until one is done', v_max_open_jobs
        using errcode = '53400';
    end if;
  end if;

  if p_request ->> 'page_id' is not null then
    select p.id, p.url into v_page_id, v_url from public.pages as p
    where p.id = (p_request ->> 'page_id')::uuid and (p_user_id is null or p.owner_id = p_user_id);
    if not found then
      raise exception 'there is no page %', p_request ->> 'page_id' using errcode = 'P0002';
    end if;
  elsif v_url is null then
    raise exception 'a job needs url or page_id' using errcode = '22023';
  else
    insert into public.pages (owner_id, url) values (p_user_id, v_url)
    on conflict (owner_id, url) do update set updated_at = now()
    returning id into v_page_id;
  end if;

  v_payload := jsonb_build_object(
    'url', v_url, 'page_id', v_page_id,
    'premium', coalesce((p_request ->> 'premium')::boolean, false),
    'ultra_premium', coalesce((p_request ->> 'ultra_premium')::boolean, false),
    'render', coalesce((p_request ->> 'render')::boolean, false),
    'generate_draft', coalesce((p_request ->> 'generate_draft')::boolean, true),
    'parameters', coalesce(p_request -> 'parameters', '{}'::jsonb));

  insert into pipeline.jobs (pipeline, url, page_id, user_id, stage, priority, payload, idempotency_key, traceparent)
  values ('pageperfect', v_url, v_page_id, p_user_id, 'submit_crawl', v_priority, v_payload, v_key, p_traceparent)
  on conflict (pipeline, idempotency_key) do nothing
  returning * into v_job;
  if not found then -- the same key, this very moment
    select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
    return jsonb_build_object('job_id', v_job.id, 'page_id', v_job.page_id, 'status', v_job.status, 'created', false);
  end if;

  if jsonb_array_length(coalesce(nullif(p_request -> 'keywords', 'null'), '[]')) > 0 then
    v_keyword_count := pipeline.put_keywords(v_page_id, p_request -> 'keywords');
  end if;
  perform pipeline.log_event('pageperfect', v_job.id, null, 'created', 'job created',
    jsonb_build_object('url', v_url, 'priority', v_priority, 'keyword_count', v_keyword_count));
  perform pipeline.queue_stage('pageperfect', v_job.id, 'submit_crawl', v_payload, v_priority);
  return jsonb_build_object('job_id', v_job.id, 'page_id', v_page_id, 'status', 'queued', 'created', true);
end;
$$;

revoke execute on function public.create_pageperfect_job(jsonb, uuid, text) from public, anon, authenticated;
grant execute on function public.create_pageperfect_job(jsonb, uuid, text) to service_role;
$file$),
('object', 'pageperfect/drop_unfinished.sql', '6301e52e67f4a0a6e9d5499081923c6bde10142ced061364b74d33883b5757c8', array['function pipeline.drop_unfinished(pipeline.lease)'], $file$-- What a stage keeps between its invocations goes once its commit has taken it.
create or replace function pipeline.drop_unfinished(p_lease pipeline.lease)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.staged_vectors where job_id = p_lease.job_id and stage = p_lease.stage;
  delete from pipeline.stage_checkpoints where job_id = p_lease.job_id and stage = p_lease.stage;
$$;

revoke execute on function pipeline.drop_unfinished(pipeline.lease) from public, anon, authenticated;
$file$),
('object', 'pageperfect/get_pageperfect_report.sql', 'c8245fbe54c5146de1b0b9880f23b98068579529ebc512759d185b760d51cff0', array['function public.get_pageperfect_report(uuid)'], $file$-- The report of a job at any moment of its life.
create or replace function public.get_pageperfect_report(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return coalesce(v_job.result, pipeline.pageperfect_analysis(p_job_id, v_job.page_id,
      v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}'::jsonb)))
    || jsonb_build_object(
      'job', jsonb_build_object('id', v_job.id, 'url', v_job.url, 'status', v_job.status, 'stage', v_job.stage,
        'priority', v_job.priority, 'error', v_job.error, 'created_at', v_job.created_at, 'completed_at', v_job.completed_at,
        'parameters', v_job.payload -> 'parameters'),
      'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'),
          'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', s.max_attempts, 'started_at', s.started_at,
          'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at, 'last_error', s.last_error,
          'duration_ms', round(extract(epoch from s.finished_at - s.started_at) * 1000)) order by c.position), '[]'::jsonb)
        from pipeline.stage_config as c
        left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
        where c.pipeline = 'pageperfect'),
      'dead_letters', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'stage', d.stage, 'reason', d.failure_reason,
          'error_details', d.error_details, 'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id), '[]'::jsonb)
        from pipeline.dead_letters as d where d.pipeline = 'pageperfect' and d.job_id = p_job_id));
end;
$$;

revoke execute on function public.get_pageperfect_report(uuid) from public, anon, authenticated;
grant execute on function public.get_pageperfect_report(uuid) to service_role;
$file$),
('object', 'pageperfect/get_vectors.sql', 'bcf5d65371c2080b9a4e01fa59f578140fc3e09fae2e63b873ad2a92bbf95063', array['function public.get_vectors(text, bigint[])'], $file$-- Vectors of rows of 'page_embeddings' or 'keyword_clusters' in the order of p_ids: base64 of Postgres' binary vectors, one
-- after the other. Raises 40001 when a row is gone, since its page was analysed anew.
create or replace function public.get_vectors(p_table text, p_ids bigint[])
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_count integer;
  v_bytes bytea;
begin
  if p_table = 'page_embeddings' then
    select count(*), string_agg(extensions.vector_send(e.embedding), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.page_embeddings as e on e.id = i.id;
  elsif p_table = 'keyword_clusters' then
    select count(*), string_agg(extensions.vector_send(k.centroid), ''::bytea order by i.ordinality) into v_count, v_bytes
    from unnest(p_ids) with ordinality as i (id, ordinality) join public.keyword_clusters as k on k.id = i.id;
  else
    raise exception 'get_vectors: % has no vectors', p_table using errcode = '22023';
  end if;
  if v_count <> cardinality(p_ids) then
    raise exception 'rows of % were replaced while they were read', p_table using errcode = '40001';
  end if;
  return replace(encode(coalesce(v_bytes, ''), 'base64'), E'\n', '');
end;
$$;

revoke execute on function public.get_vectors(text, bigint[]) from public, anon, authenticated;
grant execute on function public.get_vectors(text, bigint[]) to service_role;
$file$),
('object', 'pageperfect/go_back.sql', 'ec76c95fe802a3b8256e920ed3da7cff691f2a1a67851d9d7b660e8950e73451', array['function pipeline.go_back(pipeline.lease, text, text)'], $file$-- Sends a job back to an earlier stage, in place of the commit of the leased one, which begins anew when its turn comes.
create or replace function pipeline.go_back(p_lease pipeline.lease, p_stage text, p_message text)
returns jsonb
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.delete_message(p_lease.queue, p_lease.msg_id);
  delete from pipeline.job_stages as s
  where s.pipeline = p_lease.pipeline and s.job_id = p_lease.job_id and s.stage = p_lease.stage;
  perform pipeline.log_event(p_lease.pipeline, p_lease.job_id, p_lease.stage, 'sent_back', p_message,
    jsonb_build_object('msg_id', p_lease.msg_id, 'to', p_stage));
  perform pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, p_stage, (p_lease.message -> 'payload') - 'progress',
    coalesce((p_lease.message ->> 'priority')::integer, 0));
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', p_stage);
end;
$$;

revoke execute on function pipeline.go_back(pipeline.lease, text, text) from public, anon, authenticated;
$file$),
('object', 'pageperfect/input_gap_analysis.sql', '86c843d94f1979957a9d781eacc05f3e836d8cfcd8d92ac9556bd7c233742362', array['function public.input_gap_analysis(uuid)'], $file$-- What gap_analysis needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_gap_analysis(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  v_model text;
  v_dimensions integer;
begin
  select k.model, k.dimensions into v_model, v_dimensions
  from public.keyword_clusters as k where k.page_id = v_job.page_id limit 1;
  if exists (
    select 1 from public.page_embeddings as e
    where e.page_id = v_job.page_id and (e.model, e.dimensions) is distinct from (v_model, v_dimensions)
  ) and v_model is not null then
    -- A job with another model is at work on the page; its clusters come next.
    raise exception 'page % has segments and clusters of different embedding models', v_job.page_id using errcode = '55000';
  end if;
  -- The vectors come in chunks, through get_vectors.
  return jsonb_build_object(
    'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
    'top', coalesce((v_parameters ->> 'top')::integer, 10),
    'model', v_model, 'dimensions', v_dimensions,
    -- Only vectors of one model are ever compared.
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind) order by e.position), '[]'::jsonb)
      from public.page_embeddings as e
      where e.page_id = v_job.page_id and e.model = v_model and e.dimensions = v_dimensions),
    'clusters', (
      select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'is_noise', k.is_noise,
        'impressions', k.impressions, 'avg_position', k.avg_position) order by k.id), '[]'::jsonb)
      from public.keyword_clusters as k where k.page_id = v_job.page_id));
end;
$$;

revoke execute on function public.input_gap_analysis(uuid) from public, anon, authenticated;
grant execute on function public.input_gap_analysis(uuid) to service_role;
$file$),
('object', 'pageperfect/input_keyword_clustering.sql', '90820db6f19bc4a82f4f6ee33c6d700b39453a94154999ea08d9be55aa34a9cb', array['function public.input_keyword_clustering(uuid)'], $file$-- What keyword_clustering needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_keyword_clustering(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
begin
  return (select jsonb_build_object(
    'page_id', v_job.page_id,
    'eps', coalesce((v_parameters ->> 'eps')::double precision, 0.3),
    'min_points', coalesce((v_parameters ->> 'min_points')::integer, 2),
    'max_cluster_size', (v_parameters ->> 'max_cluster_size')::integer,
    'exact', coalesce((v_parameters ->> 'exact')::boolean, false),
    'keywords', coalesce(jsonb_agg(k.keyword order by k.place) filter (where k.place <= pipeline.max_keywords()), '[]'::jsonb),
    'left_out_count', count(*) filter (where k.place > pipeline.max_keywords()))
  from (
    select to_jsonb(k) - 'ordinality' as keyword, k.ordinality as place
    from pipeline.page_keywords(v_job.page_id) with ordinality as k) as k);
end;
$$;

revoke execute on function public.input_keyword_clustering(uuid) from public, anon, authenticated;
grant execute on function public.input_keyword_clustering(uuid) to service_role;
$file$),
('object', 'pageperfect/input_rewrite_draft.sql', 'b1e4e56e8743f3e5050b5a5097759d18ce936f86f2f45f1467d9fc990a1155db', array['function public.input_rewrite_draft(uuid)'], $file$-- What rewrite_draft needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_rewrite_draft(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_recommendation public.rewrite_recommendations;
begin
  select * into v_recommendation from public.rewrite_recommendations as r
  where r.page_id = v_job.page_id order by r.rank limit 1;
  return jsonb_build_object(
    'generate_draft', coalesce((v_job.payload ->> 'generate_draft')::boolean, true),
    'recommendation_id', v_recommendation.id,
    'prompt_input', case when v_recommendation.id is not null then jsonb_build_object(
      'page', (select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language, 'headings', (
                 select coalesce(jsonb_agg(e.text order by e.position), '[]'::jsonb) from public.page_embeddings as e
                 where e.page_id = p.id and e.kind = 'heading'),
                 -- What the page itself says nearest to the topic: the facts a draft may use.
                 'excerpts', (select coalesce(jsonb_agg(n.text), '[]'::jsonb) from (
                   select left(e.text, 600) as text
                   from public.page_embeddings as e
                   join public.keyword_clusters as k on k.id = v_recommendation.cluster_id
                   where e.page_id = p.id and e.kind <> 'heading' and e.model = k.model and e.dimensions = k.dimensions
                   order by e.embedding operator(extensions.<=>) k.centroid, e.position
                   limit 12) as n))
               from public.pages as p where p.id = v_job.page_id),
      'recommendation', (select jsonb_build_object(
                 'label', v_recommendation.label, 'queries', to_jsonb(k.queries), 'impressions', v_recommendation.impressions,
                 'best_similarity', v_recommendation.best_similarity,
                 -- A heading is the last step of its own section's path.
                 'best_heading_path', coalesce(to_jsonb(
                   case when e.kind = 'heading' then e.heading_path || e.text else e.heading_path end), '[]'::jsonb),
                 'best_text', coalesce(e.text, ''))
               from public.keyword_clusters as k
               left join public.page_embeddings as e on e.id = v_recommendation.best_segment_id
               where k.id = v_recommendation.cluster_id)) end);
end;
$$;

revoke execute on function public.input_rewrite_draft(uuid) from public, anon, authenticated;
grant execute on function public.input_rewrite_draft(uuid) to service_role;
$file$),
('object', 'pageperfect/input_segment_embed.sql', '663cc2642458c12e0e75303b325188914c5d8a8ce0d5e2605d45662dbceacd64', array['function public.input_segment_embed(uuid)'], $file$-- What segment_embed needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_segment_embed(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_crawl public.crawl_jobs;
begin
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;
  return jsonb_build_object('url', coalesce(v_crawl.final_url, v_job.url), 'page_id', v_job.page_id, 'html', v_crawl.html);
end;
$$;

revoke execute on function public.input_segment_embed(uuid) from public, anon, authenticated;
grant execute on function public.input_segment_embed(uuid) to service_role;
$file$),
('object', 'pageperfect/input_submit_crawl.sql', '6f17e60d40898db5cfbba10e641a03c35cd17241391546ba8f0ad79925698655', array['function public.input_submit_crawl(uuid)'], $file$-- What submit_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_submit_crawl(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
begin
  return jsonb_build_object('page_id', v_job.page_id) || (
    select jsonb_object_agg(e.key, e.value) from jsonb_each(v_job.payload) as e
    where e.key in ('url', 'premium', 'ultra_premium', 'render'));
end;
$$;

revoke execute on function public.input_submit_crawl(uuid) from public, anon, authenticated;
grant execute on function public.input_submit_crawl(uuid) to service_role;
$file$),
('object', 'pageperfect/input_wait_crawl.sql', '5807d9e08b05f421b597c23e9ecb691969a505fd981748f8c3b19ea6feae6fcc', array['function public.input_wait_crawl(uuid)'], $file$-- What wait_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_wait_crawl(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.pageperfect_job(p_job_id);
  v_crawl public.crawl_jobs;
begin
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;
  return jsonb_build_object(
    'crawl', jsonb_build_object('id', v_crawl.id, 'status', v_crawl.status, 'error', v_crawl.error,
      'html_length', v_crawl.html_length, 'processing_time_ms', v_crawl.processing_time_ms,
      'created_at', v_crawl.created_at),
    'waited_seconds', greatest(extract(epoch from pipeline.now() - v_crawl.queued_at), 0));
end;
$$;

revoke execute on function public.input_wait_crawl(uuid) from public, anon, authenticated;
grant execute on function public.input_wait_crawl(uuid) to service_role;
$file$),
('object', 'pageperfect/keyword_page_id.sql', 'fd69978072dfba6d8fe8b6605336eddc0198eec13e557c7632f81dbf12884aaf', array['function pipeline.keyword_page_id(uuid)'], $file$-- The page whose Search Console rows a page is analysed with: itself, or the project's page of its URL when it has none
-- and the project shares them.
create or replace function pipeline.keyword_page_id(p_page_id uuid)
returns uuid
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select project.id
     from public.pages as p
     join public.pages as project on project.url = p.url and project.owner_id is null
     cross join pipeline.user_policy as u
     where p.id = p_page_id and u.shares_search_console
       and not exists (select 1 from public.gsc_page_query as g where g.page_id = p_page_id)),
    p_page_id);
$$;

revoke execute on function pipeline.keyword_page_id(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/load_checkpoint.sql', '62967fa7145a8240ee1409688edf1023730f509c2426f5a9942df963cdd337cc', array['function public.load_checkpoint(uuid, text, text)'], $file$-- The state that a stage saved for this input, base64; null when there is none.
create or replace function public.load_checkpoint(p_job_id uuid, p_stage text, p_digest text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select replace(encode(c.state, 'base64'), E'\n', '') from pipeline.stage_checkpoints as c
  where c.job_id = p_job_id and c.stage = p_stage and c.digest = p_digest;
$$;

revoke execute on function public.load_checkpoint(uuid, text, text) from public, anon, authenticated;
grant execute on function public.load_checkpoint(uuid, text, text) to service_role;
$file$),
('object', 'pageperfect/lock_commit.sql', '816aefba6de211eaea277f00b84d96a016a6b71f5dcd6dda89b549e55aa509b3', array['function pipeline.lock_commit(text, bigint, integer)'], $file$-- The lease of a commit, refused when it is some other stage's. Locks the page, so that two jobs on one page
-- replace its rows one after the other.
create or replace function pipeline.lock_commit(p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  end if;
  if v_lease.status = 'held' then
    perform 1 from public.pages as p where p.id = v_lease.page_id for update;
    if not found then
      raise exception 'the page of job % is gone', v_lease.job_id using errcode = 'P0002';
    end if;
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_commit(text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'pageperfect/max_keywords.sql', '0eef2806cd7c6d6e764194eb8f546abfa8cd48f6fe0f8f4fb92d885763a96fef', array['function pipeline.max_keywords()'], $file$-- How many of a page's keywords are analysed, those with the most impressions. With more, reading their vectors takes an
-- invocation's whole CPU time (docs/architecture.md, Budget). Yours to replace; an upgrade puts the default back.
create or replace function pipeline.max_keywords()
returns integer
language sql
immutable
set search_path = ''
as $$ select 10000 $$;

revoke execute on function pipeline.max_keywords() from public, anon, authenticated;
$file$),
('object', 'pageperfect/page_keywords.sql', '9cceee18abc5fac9dc1c398b815ea10dd5efae1078badad96f461ddc3a5d82a7', array['function pipeline.page_keywords(uuid)'], $file$-- A page's queries over all their rows: dated rows summed where there are any, else the undated total.
create or replace function pipeline.page_keywords(p_page_id uuid)
returns table (query text, impressions bigint, clicks bigint, "position" double precision)
language sql
stable
set search_path = ''
as $$
  with ranked as (
    select g.*, bool_or(g.date is not null) over (partition by g.query) as is_dated
    from public.gsc_page_query as g
    where g.page_id = (select pipeline.keyword_page_id(p_page_id))
  )
  select r.query, sum(r.impressions)::bigint, sum(r.clicks)::bigint,
    sum(r.position * greatest(r.impressions, 1)) / sum(greatest(r.impressions, 1))
  from ranked as r
  where (r.date is not null) = r.is_dated
  group by r.query
  order by 2 desc, 1;
$$;

revoke execute on function pipeline.page_keywords(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/pageperfect_analysis.sql', '23d792803637ec8ead5925c308b4647f24f6c7eefac48dc5302681a1f686c286', array['function pipeline.pageperfect_analysis(uuid, uuid, jsonb)'], $file$-- Everything an analysis found, as one value: the job's result, and the body of the report while it still runs.
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'page', (select jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at)
      from public.pages as p where p.id = p_page_id),
    'crawl', (select jsonb_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1),
    'segments', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p_page_id),
    'clusters', (select coalesce(jsonb_agg(
        to_jsonb(k) - 'centroid' - 'page_id' - 'job_id' - 'created_at' - 'model' - 'dimensions'
        order by k.is_noise, k.impressions desc, k.id), '[]'::jsonb)
      from public.keyword_clusters as k where k.page_id = p_page_id),
    'recommendations', (select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rank', r.rank, 'cluster_id', r.cluster_id,
        'label', r.label, 'queries', k.queries, 'opportunity', r.opportunity, 'impressions', r.impressions, 'clicks', r.clicks,
        'avg_position', r.avg_position, 'best_similarity', r.best_similarity, 'second_similarity', r.second_similarity,
        'best_heading_path', e.heading_path, 'best_kind', e.kind, 'best_text', left(e.text, 400), 'best_css_path', e.css_path,
        'best_char_start', e.char_start, 'best_char_end', e.char_end) order by r.rank), '[]'::jsonb)
      from public.rewrite_recommendations as r
      join public.keyword_clusters as k on k.id = r.cluster_id
      left join public.page_embeddings as e on e.id = r.best_segment_id
      where r.page_id = p_page_id),
    'draft', (select d.draft || jsonb_build_object('recommendation_id', d.recommendation_id, 'label', d.label,
        'provider', d.provider, 'model', d.model)
      from public.rewrite_drafts as d where d.job_id = p_job_id),
    'parameters', jsonb_build_object(
      'eps', p_payload -> 'eps', 'min_points', p_payload -> 'min_points', 'max_cluster_size', p_payload -> 'max_cluster_size',
      'is_exact', p_payload -> 'is_exact',
      'left_out_keyword_count', p_payload -> 'left_out_keyword_count',
      'similarity_threshold', p_payload -> 'threshold', 'top', p_payload -> 'top',
      'model', (select e.model from public.page_embeddings as e where e.page_id = p_page_id limit 1),
      'dimensions', (select e.dimensions from public.page_embeddings as e where e.page_id = p_page_id limit 1)),
    'draft_skipped', p_payload -> 'draft_skipped',
    'usage', coalesce(p_payload -> 'usage', '{}'::jsonb),
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'::jsonb)
      from public.model_usage as u where u.job_id = p_job_id));
$$;

revoke execute on function pipeline.pageperfect_analysis(uuid, uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/pageperfect_job.sql', 'aa1144ed8af0297d9b6df0beb37851255d3c99bee4c2e03208e98d2b4ff91f10', array['function pipeline.pageperfect_job(uuid)'], $file$-- The job as its stages see it. Raises P0002 when there is none.
create or replace function pipeline.pageperfect_job(p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function pipeline.pageperfect_job(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/put_keywords.sql', 'b86d888333d53c10745363811184456f0fc37f25c65bb5f77004acec3d347ee0', array['function pipeline.put_keywords(uuid, jsonb)'], $file$-- Upserts undated keyword totals of a page. They are a snapshot of one export: queries of an earlier snapshot that
-- this one does not name are dropped, dated rows are untouched. Returns how many keywords there are now.
create or replace function pipeline.put_keywords(p_page_id uuid, p_keywords jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform 1 from public.pages as p where p.id = p_page_id for update;
  delete from public.gsc_page_query as g
  where g.page_id = p_page_id and g.date is null
    and g.query not in (select k ->> 'query' from jsonb_array_elements(p_keywords) as k);
  insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
  select p_page_id, k.query, null, sum(k.impressions), sum(k.clicks),
    sum(k.position * greatest(k.impressions, 1)) / sum(greatest(k.impressions, 1))
  from jsonb_to_recordset(p_keywords) as k (query text, impressions numeric, clicks numeric, position double precision)
  group by k.query
  on conflict on constraint gsc_page_query_key do update
  set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function pipeline.put_keywords(uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/save_checkpoint.sql', '04b36a5be75220b3bbc58de48ff4aa9f043ce92147ee0a33816e198519f2e52b', array['function public.save_checkpoint(bigint, integer, text, text)'], $file$-- Keeps the leased stage's state (base64) in place of an earlier one. Returns {status: saved | lease_lost | cancelled}.
create or replace function public.save_checkpoint(p_msg_id bigint, p_read_ct integer, p_digest text, p_state text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  insert into pipeline.stage_checkpoints (job_id, stage, digest, state)
  values (v_lease.job_id, v_lease.stage, p_digest, decode(p_state, 'base64'))
  on conflict (job_id, stage) do update set digest = excluded.digest, state = excluded.state;
  return jsonb_build_object('status', 'saved');
end;
$$;

revoke execute on function public.save_checkpoint(bigint, integer, text, text) from public, anon, authenticated;
grant execute on function public.save_checkpoint(bigint, integer, text, text) to service_role;
$file$),
('object', 'pageperfect/stage_vectors.sql', '1374c1c983553b193f8c0ca193ee63654706a70cde8b897d9e720d2be7e8b3a6', array['function public.stage_vectors(bigint, integer, text, integer, text[])'], $file$-- Keeps vectors (pgvector text) for the commit of the leased stage, from position p_first on. Repeating it changes
-- nothing; another p_digest drops what an earlier input left. Returns {status: staged | lease_lost | cancelled, count}.
create or replace function public.stage_vectors(
  p_msg_id bigint, p_read_ct integer, p_digest text, p_first integer, p_vectors text[]
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('pageperfect', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status, 'count', 0);
  end if;
  delete from pipeline.staged_vectors as s
  where s.job_id = v_lease.job_id and s.stage = v_lease.stage and s.digest <> p_digest;
  insert into pipeline.staged_vectors (job_id, stage, position, digest, vector)
  select v_lease.job_id, v_lease.stage, p_first + v.ordinality - 1, p_digest, v.vector::extensions.vector
  from unnest(p_vectors) with ordinality as v (vector, ordinality)
  on conflict (job_id, stage, position) do update set vector = excluded.vector;
  return jsonb_build_object('status', 'staged', 'count', (
    select count(*) from pipeline.staged_vectors as s where s.job_id = v_lease.job_id and s.stage = v_lease.stage));
end;
$$;

revoke execute on function public.stage_vectors(bigint, integer, text, integer, text[]) from public, anon, authenticated;
grant execute on function public.stage_vectors(bigint, integer, text, integer, text[]) to service_role;
$file$),
('object', 'pageperfect/usage_fact.sql', '57816b2aa110206d83ce2f3448654cdb4228c0a1437078869e63d7438383d18d', array['function pipeline.usage_fact(pipeline.lease, jsonb)'], $file$-- The running usage of a job with this stage's added, as a fact for the payload.
create or replace function pipeline.usage_fact(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select case when jsonb_typeof(p_output -> 'usage') = 'object' then jsonb_build_object(
    'usage', coalesce(p_lease.message -> 'payload' -> 'usage', '{}'::jsonb)
      || jsonb_build_object(p_lease.stage, p_output -> 'usage')) else '{}'::jsonb end;
$$;

revoke execute on function pipeline.usage_fact(pipeline.lease, jsonb) from public, anon, authenticated;
$file$),
('object', 'schedules/check_schedules.sql', 'f3c5503a11c4ca5b29fd152bb8b1df57515bb6c5190bb27f0686afa6d11f485e', array['function pipeline.check_schedules()'], $file$-- What the schedules need and have, one row a thing; advice is null where all is well.
create or replace function pipeline.check_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_extension text;
  v_secret text;
  v_has_cron boolean := to_regclass('cron.job') is not null;
  v_schedule record;
begin
  foreach v_extension in array array['pg_cron', 'pg_net', 'supabase_vault'] loop
    item := 'extension ' || v_extension;
    is_ready := exists (select from pg_catalog.pg_extension as e where e.extname = v_extension);
    advice := case when not is_ready then
      format('enable %s (Dashboard: Database, Extensions), then: select * from pipeline.install_schedules()', v_extension) end;
    return next;
  end loop;
  foreach v_secret in array array['project_url', 'pageperfect_secret_key'] loop
    item := 'vault secret ' || v_secret;
    is_ready := pipeline.vault_secret(v_secret) is not null;
    advice := case when not is_ready then
      'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')' end;
    return next;
  end loop;
  for v_schedule in select * from pipeline.wanted_schedules() loop
    item := 'schedule ' || v_schedule.name;
    is_ready := false;
    if v_has_cron then
      select exists (
        select from cron.job as j
        where j.jobname = v_schedule.name and j.schedule = v_schedule.schedule and j.command = v_schedule.command and j.active
      ) into is_ready;
    end if;
    advice := case when not is_ready then 'select * from pipeline.install_schedules()' end;
    return next;
  end loop;
end;
$$;

revoke execute on function pipeline.check_schedules() from public, anon, authenticated;
$file$),
('object', 'schedules/dispatcher_is_wanted.sql', 'ea8026cafb5d525a9239b098a75ffe5b8a8a67c39eed1a6f1bcb003639440119', array['function pipeline.dispatcher_is_wanted()'], $file$-- Whether the dispatcher has anything to do: work within its limits, or a lease that ran out. Once a minute it is
-- rung regardless, for what its reaper finds and no count shows; an idle project thus costs few invocations.
create or replace function pipeline.dispatcher_is_wanted()
returns boolean
language sql
stable
set search_path = ''
as $$
  select extract(second from clock_timestamp()) < 10
    or exists (select from public.dispatch_plan())
    or exists (select from pipeline.job_stages as s where s.status = 'processing' and s.lease_expires_at <= pipeline.now());
$$;

revoke execute on function pipeline.dispatcher_is_wanted() from public, anon, authenticated;
$file$),
('object', 'schedules/install_schedules.sql', '503c98de17d191e79ab13219a01f87148b9806d669a21d64f8ba3a6991de398c', array['function pipeline.install_schedules()'], $file$-- Makes what is missing, as far as the database offers it, and answers what check_schedules then finds. Safe to
-- repeat: a schedule is known by its name.
create or replace function pipeline.install_schedules()
returns table (item text, is_ready boolean, advice text)
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  for v in
    select w.name, w.command
    from (values
      ('pg_cron', 'create extension if not exists pg_cron'),
      ('pg_net', 'create extension if not exists pg_net with schema extensions'),
      ('supabase_vault', 'create extension if not exists supabase_vault')
    ) as w (name, command)
    join pg_catalog.pg_available_extensions as a on a.name = w.name
    where a.installed_version is null
  loop
    begin
      execute v.command;
    exception when others then
      raise warning 'pageperfect: extension % could not be enabled: %', v.name, sqlerrm;
    end;
  end loop;

  if to_regclass('cron.job') is not null and to_regclass('net.http_request_queue') is not null then
    for v in select * from pipeline.wanted_schedules() loop
      perform cron.schedule(v.name, v.schedule, v.command);
    end loop;
  end if;
  return query select * from pipeline.check_schedules();
end;
$$;

revoke execute on function pipeline.install_schedules() from public, anon, authenticated;
$file$),
('object', 'schedules/ring.sql', '199d3220683b3158606d5cb4f8874a4c959ff825f54b314a85644323906d7f26', array['function pipeline.ring(text)'], $file$-- Rings a function of this project; returns pg_net's request id, or null with a warning when it cannot.
create or replace function pipeline.ring(p_function text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_url text := rtrim(pipeline.vault_secret('project_url'), '/');
  v_key text := pipeline.vault_secret('pageperfect_secret_key');
begin
  if v_url is null or v_key is null then
    raise warning 'pageperfect: % is not rung, Vault lacks %', p_function,
      concat_ws(' and ', case when v_url is null then 'project_url' end, case when v_key is null then 'pageperfect_secret_key' end)
      using hint = 'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')';
    return null;
  end if;
  return net.http_post(
    url := v_url || '/functions/v1/' || p_function,
    headers := jsonb_build_object('content-type', 'application/json', 'apikey', v_key),
    body := '{}'::jsonb,
    timeout_milliseconds := (select l.seconds * 1000 from pipeline.time_limits() as l where l.name = 'http_timeout')
  );
end;
$$;

revoke execute on function pipeline.ring(text) from public, anon, authenticated;
$file$),
('object', 'schedules/set_schedule_secrets.sql', '1249c09e0a309134a5decf8b7cc32b503dc52e6ef367289d0d2a1cfe72fd1f58', array['function pipeline.set_schedule_secrets(text, text)'], $file$-- Stores the two secrets, or replaces them: the way to rotate the key. Values never appear in an answer.
create or replace function pipeline.set_schedule_secrets(p_project_url text, p_secret_key text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  if p_project_url is null or p_project_url !~ '^https?://[^/?#[:space:]]+$' then
    raise exception 'the project URL must be like https://<project ref>.supabase.co, without a path'
      using errcode = '22023';
  end if;
  if coalesce(p_secret_key, '') = '' or p_secret_key ~ '^sb_publishable_' then
    raise exception 'the schedules need a secret key (sb_secret_…), not a publishable one' using errcode = '22023';
  end if;
  for v in
    select n.name, n.value, n.description, s.id
    from (values
      ('project_url', p_project_url, 'Where the schedules find the project''s functions'),
      ('pageperfect_secret_key', p_secret_key, 'The secret key the schedules call PagePerfect''s functions with')
    ) as n (name, value, description)
    left join vault.secrets as s on s.name = n.name
  loop
    if v.id is null then
      perform vault.create_secret(v.value, v.name, v.description);
    else
      perform vault.update_secret(v.id, v.value);
    end if;
  end loop;
end;
$$;

revoke execute on function pipeline.set_schedule_secrets(text, text) from public, anon, authenticated;
$file$),
('object', 'schedules/time_limits.sql', '76c73fc45050d55ca85181c9fb2d71fc18d4d37247d9a9e2539a7efe93b925ad', array['function pipeline.time_limits()'], $file$-- The one order of times, in seconds: what begins a piece of work must outlast what it waits for. Leases
-- (stage_config.visibility_seconds) follow after http_timeout; a pgTAP test holds them all to it.
create or replace function pipeline.time_limits()
returns table (name text, seconds integer, meaning text)
language sql
immutable
set search_path = ''
as $$
  values
    ('function_budget', 120, 'an invocation of a worker has finished or given up by then'),
    ('http_timeout', 140, 'pg_net stops waiting for a function''s answer'),
    ('platform_limit', 150, 'Supabase ends a worker, and a request without an answer, on its smallest plan');
$$;

revoke execute on function pipeline.time_limits() from public, anon, authenticated;
$file$),
('object', 'schedules/vault_secret.sql', 'c55347395ef6ea3f625ce371a5b000e302a38676ba9893c4a935350cf0e131d8', array['function pipeline.vault_secret(text)'], $file$-- A secret from Vault; null when it, or Vault, is not there.
create or replace function pipeline.vault_secret(p_name text)
returns text
language plpgsql
stable
set search_path = ''
as $$
begin
  if to_regclass('vault.decrypted_secrets') is null then
    return null;
  end if;
  return (select nullif(s.decrypted_secret, '') from vault.decrypted_secrets as s where s.name = p_name);
end;
$$;

revoke execute on function pipeline.vault_secret(text) from public, anon, authenticated;
$file$),
('object', 'schedules/wanted_schedules.sql', '4d91d8340d44e1b0492afbe2a5d0d63756d8a6a8c3ba63073a6f926ac4d52ecc', array['function pipeline.wanted_schedules()'], $file$-- The schedules: what rings the dispatcher and the crawler when nobody else does, and what keeps the tables small.
--
-- pg_cron runs a schedule, pg_net sends its HTTP call after the commit, Vault holds the two secrets it needs:
--
--   project_url             https://<project ref>.supabase.co
--   pageperfect_secret_key  a secret key of the project (sb_secret_…), best one made for this and named so
--
-- A call is a doorbell: it may be lost or doubled, because the queue is the truth. Without the secrets a schedule
-- warns and does nothing; without an extension there are no schedules, and pipeline.check_schedules() says what is
-- missing. Whatever was missing, `select * from pipeline.install_schedules()` puts all in place once it is there.


-- The schedules as they should be. Times are UTC.
create or replace function pipeline.wanted_schedules()
returns table (name text, schedule text, command text)
language sql
immutable
set search_path = ''
as $$
  values
    ('pageperfect-dispatcher', '10 seconds',
      'select pipeline.ring(''content-queue-dispatcher'') where pipeline.dispatcher_is_wanted()'),
    ('pageperfect-crawl', '30 seconds',
      'select pipeline.ring(''crawl-cron'') where public.pending_crawl_count() > 0'),
    -- New days come once a day; in between there is only an import to go on with that failed or was cut off.
    ('pageperfect-gsc-import', '*/5 * * * *',
      'select pipeline.ring(''pageperfect-gsc-import'') where public.pending_gsc_import_count() > 0'),
    -- One bounded step a minute for an hour: no long transaction, and nothing to do once all is gone.
    ('pageperfect-retention', '* 3 * * *', 'select public.prune(), public.prune_crawls(), public.prune_embedding_cache()'),
    ('pageperfect-cron-history', '10 4 * * *',
      'delete from cron.job_run_details where end_time < now() - interval ''3 days''');
$$;

revoke execute on function pipeline.wanted_schedules() from public, anon, authenticated;
$file$),
('object', 'search_console/checkpoint_gsc_import.sql', '2fcf19e731602cb8ef17c345d41e5036a2a374f70eba4165dc0cd96b788dcb37', array['function public.checkpoint_gsc_import(text, bigint, integer, boolean, integer)'], $file$-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease.
-- {status: "continue", date, start_row} says what comes next; else status is "completed" or "lease_lost".
create or replace function public.checkpoint_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_row_count integer,
  p_is_day_done boolean,
  p_lease_seconds integer
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v public.gsc_properties;
begin
  select g.* into v from public.gsc_properties as g
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  end if;
  v.next_row := v.next_row + p_row_count;
  v.lease_expires_at := pipeline.now() + make_interval(secs => p_lease_seconds);
  v.attempt_count := 1;
  if p_is_day_done then
    -- Days that were asked for out of turn leave the daily import where it is.
    if v.import_date = v.imported_until + 1 then
      v.imported_until := v.import_date;
    end if;
    v.import_date := v.import_date + 1;
    v.next_row := 0;
    if v.import_date > v.import_end then
      v.import_date := null;
      v.import_end := null;
      v.lease_expires_at := null;
      v.attempt_count := 0;
    end if;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_expires_at = v.lease_expires_at, attempt_count = v.attempt_count, row_count = g.row_count + p_row_count,
    last_error = null, last_imported_at = pipeline.now()
  where g.property = p_property;
  return case when v.import_date is null then jsonb_build_object('status', 'completed')
    else jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row) end;
end;
$$;

revoke execute on function public.checkpoint_gsc_import(text, bigint, integer, boolean, integer) from public, anon, authenticated;
grant execute on function public.checkpoint_gsc_import(text, bigint, integer, boolean, integer) to service_role;
$file$),
('object', 'search_console/claim_gsc_import.sql', '4bee26392517671cc56706550b67e404da8b1d4d02d8b4769938bb271c2a3c61', array['function public.claim_gsc_import(integer)'], $file$-- Claims an import that is due, the longest waiting first:
-- {property, lease_count, date, start_row, attempt_count, max_attempts}, or null when there is none.
create or replace function public.claim_gsc_import(p_lease_seconds integer)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  c_max_attempts constant integer := 8;
  v public.gsc_properties;
begin
  -- A worker that dies every time without a word must end somewhere too.
  update public.gsc_properties as g
  set import_date = null, import_end = null, next_row = 0, lease_expires_at = null, attempt_count = 0,
    available_at = pipeline.now() + interval '1 day',
    last_error = jsonb_build_object('message', 'the importer ended without a word, time after time', 'code', 'WORKER_LIMIT')
  where g.import_date is not null and g.attempt_count >= c_max_attempts and public.gsc_import_is_due(g);

  select g.* into v
  from public.gsc_properties as g
  where public.gsc_import_is_due(g)
  order by g.available_at
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  if v.import_date is null then
    -- Nothing before the first daily import is wanted, so all of it counts as imported.
    v.imported_until := coalesce(v.imported_until, public.gsc_settled_day() - v.lookback_days);
    v.import_date := v.imported_until + 1;
    v.import_end := public.gsc_settled_day();
    v.next_row := 0;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_count = g.lease_count + 1, attempt_count = g.attempt_count + 1,
    lease_expires_at = pipeline.now() + make_interval(secs => p_lease_seconds)
  where g.property = v.property
  returning g.* into v;
  return jsonb_build_object('property', v.property, 'lease_count', v.lease_count, 'date', v.import_date,
    'start_row', v.next_row, 'attempt_count', v.attempt_count, 'max_attempts', c_max_attempts);
end;
$$;

revoke execute on function public.claim_gsc_import(integer) from public, anon, authenticated;
grant execute on function public.claim_gsc_import(integer) to service_role;
$file$),
('object', 'search_console/fail_gsc_import.sql', 'dff2c2127d754554c45d9c9f6c6cf4617d40e4b773c5bad7d41791648b1ed8ea', array['function public.fail_gsc_import(text, bigint, jsonb, text, numeric)'], $file$-- Records why a claimed import failed. p_action "retry": it goes on from its checkpoint after the delay;
-- "dead_letter": it ends, and the daily import begins again tomorrow where the last one stopped.
create or replace function public.fail_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_error jsonb,
  p_action text,
  p_delay_seconds numeric
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_ends boolean := p_action = 'dead_letter';
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_gsc_import: the action is retry or dead_letter' using errcode = '22023';
  end if;
  update public.gsc_properties as g
  set last_error = p_error,
    lease_expires_at = null,
    import_date = case when not v_ends then g.import_date end,
    import_end = case when not v_ends then g.import_end end,
    next_row = case when v_ends then 0 else g.next_row end,
    attempt_count = case when v_ends then 0 else g.attempt_count end,
    available_at = pipeline.now() + case when v_ends then interval '1 day'
      else make_interval(secs => coalesce(p_delay_seconds, 0)::double precision) end
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status',
    case when not found then 'lease_lost' when v_ends then 'failed' else 'retry_scheduled' end);
end;
$$;

revoke execute on function public.fail_gsc_import(text, bigint, jsonb, text, numeric) from public, anon, authenticated;
grant execute on function public.fail_gsc_import(text, bigint, jsonb, text, numeric) to service_role;
$file$),
('object', 'search_console/gsc_import_is_due.sql', '242f19785fbdb72a68ab80a0de834a81a61d822478d3861c5cc6cfe0f659931c', array['function public.gsc_import_is_due(public.gsc_properties)'], $file$-- Whether an import of the property could be claimed now: one that waits or was cut off, or new days.
create or replace function public.gsc_import_is_due(p_row public.gsc_properties)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select p_row.available_at <= pipeline.now()
    and (p_row.lease_expires_at is null or p_row.lease_expires_at <= pipeline.now())
    and (p_row.import_date is not null
      or (p_row.enabled and coalesce(p_row.imported_until, '-infinity') < public.gsc_settled_day()));
$$;

revoke execute on function public.gsc_import_is_due(public.gsc_properties) from public, anon, authenticated;
grant execute on function public.gsc_import_is_due(public.gsc_properties) to service_role;
$file$),
('object', 'search_console/gsc_settled_day.sql', 'e751db23228ecf86a517e93159f210c1f820b3d6ff7758613e720a1e0207e46d', array['function public.gsc_settled_day()'], $file$-- The newest day whose figures no longer change. Search Console counts days in Pacific time and settles within three.
create or replace function public.gsc_settled_day()
returns date
language sql
volatile
security invoker
set search_path = ''
as $$
  select (pipeline.now() at time zone 'America/Los_Angeles')::date - 3;
$$;

revoke execute on function public.gsc_settled_day() from public, anon, authenticated;
grant execute on function public.gsc_settled_day() to service_role;
$file$),
('object', 'search_console/pending_gsc_import_count.sql', '67107bda9485fac84a034b0e4ab9fb2067aafc3748d5146c8a87453670ab6f59', array['function public.pending_gsc_import_count()'], $file$create or replace function public.pending_gsc_import_count()
returns integer
language sql
volatile
security invoker
set search_path = ''
as $$
  select count(*)::integer from public.gsc_properties as g where public.gsc_import_is_due(g);
$$;

revoke execute on function public.pending_gsc_import_count() from public, anon, authenticated;
grant execute on function public.pending_gsc_import_count() to service_role;
$file$),
('object', 'search_console/release_gsc_import.sql', '77aeb606cdcbc307269113f07c723badd782b9fcc95c3c457cbef2af36d3c2cf', array['function public.release_gsc_import(text, bigint)'], $file$-- Hands a claimed import back, for whoever comes next; no attempt is spent.
create or replace function public.release_gsc_import(p_property text, p_lease_count bigint)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.gsc_properties as g
  set lease_expires_at = null, attempt_count = greatest(g.attempt_count - 1, 0)
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status', case when found then 'released' else 'lease_lost' end);
end;
$$;

revoke execute on function public.release_gsc_import(text, bigint) from public, anon, authenticated;
grant execute on function public.release_gsc_import(text, bigint) to service_role;
$file$),
('object', 'search_console/start_gsc_import.sql', '052805a12381fa75c16c408415225e5e98de13c6b97c9eb85465ce4b24271419', array['function public.start_gsc_import(text, date, date)'], $file$-- Asks for the days p_start_date..p_end_date of a property, both included. A property that is not in the table comes
-- into it disabled: imported once, not daily. Raises 55000 while an import of it is under way.
create or replace function public.start_gsc_import(p_property text, p_start_date date, p_end_date date)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if p_start_date is null or p_end_date is null or p_start_date > p_end_date then
    raise exception 'the import needs a start_date and an end_date that is not before it' using errcode = '22023';
  end if;
  if p_end_date - p_start_date >= 500 then
    raise exception 'Search Console keeps 16 months: ask for 500 days at most' using errcode = '22023';
  end if;
  insert into public.gsc_properties as g (property, enabled, import_date, import_end)
  values (p_property, false, p_start_date, p_end_date)
  on conflict (property) do update
    set import_date = excluded.import_date, import_end = excluded.import_end, next_row = 0, attempt_count = 0,
      available_at = pipeline.now(), last_error = null
    where g.import_date is null;
  if not found then
    raise exception 'an import of % is under way: wait for its end', p_property using errcode = '55000';
  end if;
  return jsonb_build_object('property', p_property, 'start_date', p_start_date, 'end_date', p_end_date);
end;
$$;

revoke execute on function public.start_gsc_import(text, date, date) from public, anon, authenticated;
grant execute on function public.start_gsc_import(text, date, date) to service_role;
$file$),
('object', 'search_console/upsert_gsc_rows.sql', 'e012e3bf057af63c4a1ac3e8e40d6e3dd57cb0f4a982709c55c4c7a40f2a5c34', array['function public.upsert_gsc_rows(jsonb)'], $file$-- Stores rows [{page, query, date, impressions, clicks, position}] and makes the pages they name, which are the project's
-- own. `page` is a normalised URL; `date` is a day, or null for a total over a period. Rows of one key within a call are added up;
-- a row that is stored already is replaced. Nothing is dropped, which makes this an upload in parts, not a snapshot.
-- Returns {row_count, page_count} of the call.
create or replace function public.upsert_gsc_rows(p_rows jsonb)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_page text;
  v_page_count integer;
  v_row_count integer;
begin
  if p_rows is null or jsonb_typeof(p_rows) <> 'array' then
    raise exception 'upsert_gsc_rows: p_rows must be an array of rows' using errcode = '22023';
  end if;
  select r.page into v_page
  from jsonb_to_recordset(p_rows) as r (page text)
  where r.page is null or r.page !~ '^https?://'
  limit 1;
  if found then
    raise exception 'upsert_gsc_rows: % is not the URL of a page', coalesce(v_page, 'null') using errcode = '22023';
  end if;

  -- Ordered, so that two imports of the same pages never wait for each other in a circle.
  insert into public.pages (url)
  select distinct r.page from jsonb_to_recordset(p_rows) as r (page text) order by 1
  on conflict (owner_id, url) do nothing;

  with given as materialized (
    select r.page, r.query, r.date,
      sum(r.impressions)::bigint as impressions,
      sum(r.clicks)::bigint as clicks,
      case
        when count(*) = 1 then min(r.position)
        when sum(r.impressions) > 0 then sum(r.position * r.impressions::double precision) / sum(r.impressions)::double precision
        else avg(r.position)
      end as position
    from jsonb_to_recordset(p_rows)
      as r (page text, query text, date date, impressions numeric, clicks numeric, position double precision)
    group by r.page, r.query, r.date
  ),
  stored as (
    insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
    select p.id, n.query, n.date, n.impressions, n.clicks, n.position
    from given as n
    join public.pages as p on p.url = n.page and p.owner_id is null
    order by p.id, n.query, n.date
    on conflict on constraint gsc_page_query_key do update
      set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position
      where (g.impressions, g.clicks, g.position) is distinct from (excluded.impressions, excluded.clicks, excluded.position)
  )
  select count(*), count(distinct n.page) into v_row_count, v_page_count from given as n;
  return jsonb_build_object('row_count', v_row_count, 'page_count', v_page_count);
end;
$$;

revoke execute on function public.upsert_gsc_rows(jsonb) from public, anon, authenticated;
grant execute on function public.upsert_gsc_rows(jsonb) to service_role;
$file$),
('object', 'steps/ack_message.sql', 'd02d49f718612d08f694f01096ae44b9c7ad25526851616aa124a8b317f53612', array['function public.ack_message(text, bigint)'], $file$-- Archives a message; false when it was gone already.
create or replace function public.ack_message(p_queue text, p_msg_id bigint)
returns boolean
language sql
security definer
set search_path = ''
as $$
  select pgmq.archive(p_queue, p_msg_id);
$$;

revoke execute on function public.ack_message(text, bigint) from public, anon, authenticated;
grant execute on function public.ack_message(text, bigint) to service_role;
$file$),
('object', 'steps/complete_stage.sql', '8f568446727fbcb682646b62148bba8c39aeca66b31c4f9d4e9dd2de8d267d11', array['function public.complete_stage(text, uuid, text)'], $file$-- Marks a stage as done; false when it was not running.
create or replace function public.complete_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  perform 1 from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  update pipeline.job_stages
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage and status = 'processing'
  returning * into v_stage;
  if not found then
    return false;
  end if;
  update pipeline.jobs set last_completed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'completed', format('%s completed', p_stage),
    jsonb_build_object('attempt', v_stage.attempt_count, 'msg_id', v_stage.msg_id,
      'duration_ms', round(extract(epoch from v_now - v_stage.started_at) * 1000)));
  return true;
end;
$$;

revoke execute on function public.complete_stage(text, uuid, text) from public, anon, authenticated;
grant execute on function public.complete_stage(text, uuid, text) to service_role;
$file$),
('object', 'steps/dead_letter_message.sql', 'ed77a61a9d83b37ff74b8243df78fa0b1c506155ee242faf64c444014eb442d8', array['function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer)'], $file$-- Moves a message to the dead letters; moving it twice gives the same letter.
create or replace function public.dead_letter_message(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_message jsonb,
  p_reason text, p_details jsonb default null, p_attempt_count integer default 0
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_id bigint;
begin
  if (pipeline.lock_message(p_queue, p_msg_id)).msg_id is null then
    select d.id into v_id from pipeline.dead_letters as d
    where d.pipeline = v_pipeline and d.msg_id = p_msg_id and d.job_id is not distinct from p_job_id;
    return v_id;
  end if;
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  return pipeline.bury(v_pipeline, p_queue, p_msg_id, p_message, p_job_id, p_stage, p_reason, p_details, p_attempt_count);
end;
$$;

revoke execute on function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer) from public, anon, authenticated;
grant execute on function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer) to service_role;
$file$),
('object', 'steps/dequeue_stage.sql', '7fa10681cfb1d1c2cce421d0de5fca12f52d00e566cd09a783da496473c5847a', array['function public.dequeue_stage(text, integer)'], $file$-- The next message of any stage, or null.
create or replace function public.dequeue_stage(p_queue text, p_visibility_seconds integer default 600)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.take_message(
    pipeline.pipeline_of(p_queue), p_queue, null, greatest(coalesce(p_visibility_seconds, 600), 1));
begin
  if v_lease.msg_id is null then
    return null;
  end if;
  return jsonb_build_object('msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'message', v_lease.message);
end;
$$;

revoke execute on function public.dequeue_stage(text, integer) from public, anon, authenticated;
grant execute on function public.dequeue_stage(text, integer) to service_role;
$file$),
('object', 'steps/enqueue_stage.sql', 'f52f1f09e3c8ddbe23984935fb56679b49ed78f088149936035eeaa4e1358fd3', array['function public.enqueue_stage(text, uuid, text, jsonb, integer, integer)'], $file$create or replace function public.enqueue_stage(
  p_queue text, p_job_id uuid, p_stage text, p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0, p_delay_seconds integer default 0
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
begin
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, v_pipeline using errcode = 'P0002';
  end if;
  return pipeline.queue_stage(v_pipeline, p_job_id, p_stage, p_payload, p_priority,
    make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)));
end;
$$;

revoke execute on function public.enqueue_stage(text, uuid, text, jsonb, integer, integer) from public, anon, authenticated;
grant execute on function public.enqueue_stage(text, uuid, text, jsonb, integer, integer) to service_role;
$file$),
('object', 'steps/extend_message_visibility.sql', 'e88ae227eb86ab36b2b6c45aed632045643b11bbdee19593bd376a8ba062f187', array['function public.extend_message_visibility(text, bigint, integer)'], $file$create or replace function public.extend_message_visibility(p_queue text, p_msg_id bigint, p_seconds integer default 300)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null then
    return false;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, v_message.message, v_until);
  update pipeline.job_stages as s set lease_expires_at = v_until
  where s.pipeline = pipeline.pipeline_of(p_queue) and s.msg_id = p_msg_id and s.status = 'processing'
    and s.job_id::text = v_message.message ->> 'job_id';
  return true;
end;
$$;

revoke execute on function public.extend_message_visibility(text, bigint, integer) from public, anon, authenticated;
grant execute on function public.extend_message_visibility(text, bigint, integer) to service_role;
$file$),
('object', 'steps/record_stage_failure.sql', '0cca24410bf46c941f7c0f8ecd3baeab47e713850799b765bf7e0d02b05a3b03', array['function public.record_stage_failure(text, uuid, text, jsonb)'], $file$-- Records why the running attempt failed; what happens next (requeue or dead letter) is the worker's next step.
create or replace function public.record_stage_failure(p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
begin
  update pipeline.jobs set last_failed_at = v_now where pipeline = p_pipeline and id = p_job_id;
  update pipeline.job_stages set last_error = p_error
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage
  returning * into v_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'failed', format('%s failed: %s', p_stage, p_error ->> 'message'),
    jsonb_build_object('attempt', v_stage.attempt_count, 'error', p_error));
  return jsonb_build_object('attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts);
end;
$$;

revoke execute on function public.record_stage_failure(text, uuid, text, jsonb) from public, anon, authenticated;
grant execute on function public.record_stage_failure(text, uuid, text, jsonb) to service_role;
$file$),
('object', 'steps/requeue_stage.sql', 'ce54ecffb5b10a18d3128b058a8cd16928bf6acbf41e7574db5848b03c47d3aa', array['function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer)'], $file$-- Puts the message back for later, with its place in line and its attempts. Returns its id, null when it is gone.
create or replace function public.requeue_stage(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_payload jsonb default null,
  p_delay_seconds integer default 0, p_priority integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_now timestamptz := pipeline.now();
  v_until timestamptz := v_now + make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null then
    return null;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, pipeline.put_to_sleep(
    v_message.message
      || case when p_payload is null then '{}'::jsonb else jsonb_build_object('payload', p_payload) end
      || case when p_priority is null then '{}'::jsonb else jsonb_build_object('priority', p_priority) end,
    v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', last_queued_at = v_now
  where pipeline = v_pipeline and id = p_job_id and status = 'processing';
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, available_at = v_until,
      next_retry_at = case when attempt_count > 0 then v_until end, priority = coalesce(p_priority, priority)
  where pipeline = v_pipeline and job_id = p_job_id and stage = p_stage and msg_id = p_msg_id
    and status in ('queued', 'processing');
  perform pipeline.log_event(v_pipeline, p_job_id, p_stage, 'requeued', format('%s requeued', p_stage),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', coalesce(p_delay_seconds, 0)));
  return p_msg_id;
end;
$$;

revoke execute on function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer) from public, anon, authenticated;
grant execute on function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer) to service_role;
$file$),
('object', 'steps/start_stage.sql', '2aa75497a14c4d176c6004a5abb2c21f39525f7e52c144ae1363890b732a9b6f', array['function public.start_stage(text, uuid, text)'], $file$-- Counts an attempt of a stage whose message this worker holds.
create or replace function public.start_stage(p_pipeline text, p_job_id uuid, p_stage text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
begin
  v_lease.pipeline := p_pipeline;
  v_lease.queue := pipeline.queue_of(p_pipeline);
  v_lease.job_id := p_job_id;
  v_lease.stage := p_stage;
  select s.msg_id into v_lease.msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  v_message := pipeline.lock_message(v_lease.queue, v_lease.msg_id);
  v_lease.read_ct := v_message.read_ct;
  perform 1 from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  v_stage := pipeline.begin_attempt(v_lease, v_message.vt);
  return jsonb_build_object(
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'priority', v_stage.priority);
end;
$$;

revoke execute on function public.start_stage(text, uuid, text) from public, anon, authenticated;
grant execute on function public.start_stage(text, uuid, text) to service_role;
$file$),
('object', 'views/v_pageperfect_backlog.sql', '3b3f88e9a85ff227e0629ccd29ba052af7dfc0d52253c7786c08fd39237df31f', array['view public.v_pageperfect_backlog'], $file$create or replace view public.v_pageperfect_backlog
with (security_invoker = true)
as
select m.stage, m.ready_count, m.sleeping_count, m.in_flight_count, m.max_concurrency, m.oldest_ready_seconds, m.failed_count
from pipeline.stage_metrics as m
where m.pipeline = 'pageperfect'
order by m.position;
comment on view public.v_pageperfect_backlog is 'Per stage: what waits, since when, what runs';

revoke all on public.v_pageperfect_backlog from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_backlog to service_role;
$file$),
('object', 'views/v_pageperfect_costs.sql', 'f814f4d2654f8d4fffe0021430198d340696be8f76922f19a15664ccd483d3c1', array['view public.v_pageperfect_costs'], $file$create or replace view public.v_pageperfect_costs
with (security_invoker = true)
as
select date_trunc('day', u.created_at)::date as day, j.url, u.stage, u.provider, u.model,
  count(distinct u.job_id) as job_count, sum(u.call_count) as call_count,
  sum(u.input_tokens) as input_tokens, sum(u.output_tokens) as output_tokens,
  sum(u.cost_usd) as cost_usd, count(*) filter (where u.cost_usd is null) as unpriced_count
from public.model_usage as u
join public.pageperfect_jobs as j on j.id = u.job_id
group by 1, 2, 3, 4, 5
union all
select h.day, null, h.stage, h.provider, h.model, h.job_count, h.call_count, h.input_tokens, h.output_tokens, h.cost_usd,
  h.unpriced_count
from public.model_usage_history as h
order by 1 desc, 2, 3;
comment on view public.v_pageperfect_costs is
  'Per day, page (null for jobs that are deleted), stage and model: tokens and dollars; unpriced_count rows have no price and are missing from cost_usd';

revoke all on public.v_pageperfect_costs from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_costs to service_role;
$file$),
('object', 'views/v_pageperfect_failures.sql', '94b4ed54469cba0baeea7debc0d84b757eab7dfd2488ad26450d4f2a9b2320d9', array['view public.v_pageperfect_failures'], $file$create or replace view public.v_pageperfect_failures
with (security_invoker = true)
as
select d.stage, d.failure_reason, count(*) as dead_letter_count, count(*) filter (where d.replayed_at is null) as open_count,
  min(d.routed_at) as first_at, max(d.routed_at) as last_at
from public.pageperfect_dead_letters as d
group by d.stage, d.failure_reason
order by last_at desc;
comment on view public.v_pageperfect_failures is 'Dead letters by stage and reason';

revoke all on public.v_pageperfect_failures from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_failures to service_role;
$file$),
('object', 'views/v_pageperfect_in_flight.sql', 'e3cd0d4565068ea4faf95367d1f8782993975dc540ce38ff2de1111fd21a32a2', array['view public.v_pageperfect_in_flight'], $file$create or replace view public.v_pageperfect_in_flight
with (security_invoker = true)
as
select s.job_id, s.stage, s.attempt_count, s.msg_id, s.started_at, s.lease_expires_at,
  round(extract(epoch from now() - s.started_at)::numeric, 1) as running_seconds
from public.pageperfect_job_stages as s
where s.status = 'processing'
order by s.started_at;
comment on view public.v_pageperfect_in_flight is 'Stages a worker holds now';

revoke all on public.v_pageperfect_in_flight from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_in_flight to service_role;
$file$),
('object', 'views/v_pageperfect_job_status.sql', '4b678264e7ca21374e17e07a2e4e82e1d82c59ae3d43f652252699552881747f', array['view public.v_pageperfect_job_status'], $file$create or replace view public.v_pageperfect_job_status
with (security_invoker = true)
as
select
  j.id as job_id,
  j.url,
  j.status,
  j.stage,
  s.status as stage_status,
  s.attempt_count as stage_attempt_count,
  s.max_attempts as stage_max_attempts,
  coalesce(t.completed_count, 0) as completed_stage_count,
  j.attempt_count,
  j.priority,
  s.next_retry_at,
  coalesce(j.error, s.last_error) as last_error,
  j.created_at,
  j.updated_at,
  j.completed_at,
  round(extract(epoch from coalesce(j.completed_at, j.cancelled_at, j.last_dead_letter_at, now()) - j.created_at)::numeric, 1) as age_seconds,
  j.page_id
from public.pageperfect_jobs as j
left join public.pageperfect_job_stages as s on s.job_id = j.id and s.stage = j.stage
left join lateral (
  select count(*) as completed_count from public.pageperfect_job_stages as t
  where t.job_id = j.id and t.status = 'completed'
) as t on true
order by j.created_at desc;
comment on view public.v_pageperfect_job_status is 'Where every job stands';

revoke all on public.v_pageperfect_job_status from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_job_status to service_role;
grant select on public.v_pageperfect_job_status to authenticated;
$file$),
('object', 'views/v_pageperfect_throughput.sql', 'bb784e6edcc41fa12c01a50dbc6d4ba7e00c291e89b6e4524c127c36b52230f2', array['view public.v_pageperfect_throughput'], $file$create or replace view public.v_pageperfect_throughput
with (security_invoker = true)
as
select date_trunc('hour', e.created_at) as hour, e.stage,
  count(*) filter (where e.status = 'completed') as completed_count,
  count(*) filter (where e.status = 'retry_scheduled') as retry_count,
  count(*) filter (where e.status = 'lease_expired') as lease_expired_count,
  count(*) filter (where e.status = 'dead_lettered') as dead_letter_count,
  round(avg((e.metadata ->> 'duration_ms')::numeric) filter (where e.status = 'completed')) as avg_duration_ms
from public.pageperfect_job_events as e
where e.stage is not null and e.created_at > now() - interval '7 days'
group by 1, 2
order by 1 desc, 2;
comment on view public.v_pageperfect_throughput is 'Per hour and stage: completions, retries, losses, duration';

revoke all on public.v_pageperfect_throughput from public, anon, authenticated, service_role;
grant select on public.v_pageperfect_throughput to service_role;
$file$),
('object', '1_pipelines.sql', 'f1a18e1bf029f997be4762a662885486c835032b9746f1fa525530b4b9e36475', '{}'::text[], $file$-- Queues, partitions and the functions on them, whole again if a dump or a hand took parts of them away.
do $$
declare
  v record;
begin
  for v in select p.pipeline, p.queue from pipeline.pipelines as p order by p.pipeline loop
    perform pipeline.add_pipeline(v.pipeline, v.queue);
  end loop;
end;
$$;
$file$),
('object', '2_tables.sql', '4af9be5cdf1db718481585d37db17a78c81a12066e384d9697356a9c57fb1bd1', '{}'::text[], $file$-- Who may do what. Nothing is reachable by anon. A signed-in user reads their own jobs and pages and what hangs on them.
-- Everything else belongs to service_role. Right under both of Supabase's default-privilege regimes: all is revoked
-- first, then granted by name. Functions and views have their grants beside them.

-- Tables and the sequences of their identity columns. Older projects grant both to every API role as they are made.
do $$
declare
  v record;
begin
  for v in
    with tables as (
      select i.inhrelid as oid
      from pg_inherits as i
      join pg_class as parent on parent.oid = i.inhparent
      where parent.relnamespace = 'pipeline'::regnamespace and parent.relkind = 'p'
      union
      select format('public.%I', t.name)::regclass
      from unnest(array['pages', 'crawl_jobs', 'page_embeddings', 'gsc_page_query', 'keyword_clusters',
        'rewrite_recommendations', 'rewrite_drafts', 'embedding_cache',
        'model_limits', 'model_prices', 'model_usage', 'model_usage_history']) as t (name)
    )
    select c.oid::regclass as name, c.relkind
    from pg_class as c
    where c.relkind in ('r', 'S') and (
      c.oid in (select t.oid from tables as t)
      or c.oid in (select d.objid from pg_depend as d join tables as t on t.oid = d.refobjid where d.deptype = 'i'))
  loop
    execute format('revoke all on %s from public, anon, authenticated, service_role', v.name);
    if v.relkind = 'r' then
      execute format('grant select, insert, update, delete on %s to service_role', v.name);
    end if;
  end loop;
end;
$$;

-- The knobs of a running system; the graph itself changes by migration only.
revoke insert, update, delete on pipeline.stage_config from service_role;
grant update (max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
  visibility_seconds, enabled) on pipeline.stage_config to service_role;
$file$),
('object', '3_policies.sql', '841ae904ba4cd28e80bdac07ed87bfd77e483d54dbc64a2d7c7874fd5dc836d8', '{}'::text[], $file$-- What a signed-in user may read: their own jobs and pages, and what hangs on them.
do $$
declare
  v_table text;
begin
  drop policy if exists "Users read their own jobs" on public.pageperfect_jobs;
  create policy "Users read their own jobs" on public.pageperfect_jobs
    for select to authenticated using (user_id = (select auth.uid()));
  grant select on public.pageperfect_jobs to authenticated;

  foreach v_table in array array['pageperfect_job_stages', 'pageperfect_job_events'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.pageperfect_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())))',
      v_table, v_table);
    execute format('grant select on public.%I to authenticated', v_table);
  end loop;

  drop policy if exists "Users read their own pages" on public.pages;
  create policy "Users read their own pages" on public.pages
    for select to authenticated using (owner_id = (select auth.uid()));
  grant select on public.pages to authenticated;

  foreach v_table in array array['crawl_jobs', 'gsc_page_query', 'page_embeddings', 'keyword_clusters',
    'rewrite_recommendations', 'rewrite_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own pages" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own pages" on public.%I for select to authenticated
         using (exists (select 1 from public.pages as p where p.id = %I.page_id and p.owner_id = (select auth.uid())))',
      v_table, v_table);
    if v_table <> 'crawl_jobs' then
      execute format('grant select on public.%I to authenticated', v_table);
    end if;
  end loop;
  -- What a crawl found out, not the megabytes of HTML that it brought.
  grant select (id, page_id, job_id, url, status, attempt_count, max_attempts, queued_at, html_length, http_status, final_url,
    content_type, provider, processing_time_ms, error, finished_at, created_at) on public.crawl_jobs to authenticated;
end;
$$;
$file$),
('object', '4_schedules.sql', '352c89bad299d149ad7b66c0da27f8c6ac5de6d6b1093f394ac10fcdeec6b11f', '{}'::text[], $file$-- Makes the schedules, as far as the project has what they need; deploy shows what is missing.
do $$
declare
  v record;
begin
  for v in select * from pipeline.install_schedules() as s where not s.is_ready loop
    raise warning 'pageperfect: % is missing: %', v.item, v.advice;
  end loop;
end;
$$;
$file$)
    ) as f (kind, name, sha256, identities, text)
  loop
    if v_file.kind = 'migration' and exists (select from pipeline.migrations as m where m.name = v_file.name) then
      continue;
    end if;
    -- pgvector may be at home in another schema, and moving it would break what is the project's own.
    v_text := v_file.text;
    select n.nspname into v_vector_schema
    from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where e.extname = 'vector';
    if v_vector_schema <> 'extensions' then
      v_text := replace(v_text, 'extensions.vector', quote_ident(v_vector_schema) || '.vector');
      v_text := replace(v_text, 'operator(extensions.', 'operator(' || quote_ident(v_vector_schema) || '.');
    end if;
    perform set_config('search_path', '"$user", public, extensions', true);
    begin
      begin
        execute v_text;
      exception when invalid_function_definition or invalid_table_definition then
        -- Other columns, arguments' names or defaults, another return type: replacing does not change those.
        if v_file.kind <> 'object' then
          raise;
        end if;
        foreach v_identity in array v_file.identities loop
          if v_identity like 'view %' then
            v_oid := to_regclass(substr(v_identity, 6));
            perform set_config('search_path', '', true);
            -- Views on it that are ours come again later in the order.
            perform from pg_depend as d
            join pg_rewrite as r on r.oid = d.objid
            where d.refobjid = v_oid and d.classid = 'pg_rewrite'::regclass and r.ev_class <> v_oid
              and 'view ' || r.ev_class::regclass not in (select o.identity from pipeline.objects as o);
            execute 'drop ' || replace(v_identity, 'view ', 'view if exists ') || case when found then '' else ' cascade' end;
          else
            execute 'drop ' || replace(v_identity, 'function ', 'function if exists ');
          end if;
        end loop;
        execute v_text;
      end;
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint, v_context = pg_exception_context;
      raise exception '%: %', v_file.name, v_message using errcode = v_state,
        detail = v_detail || case when v_context like '%line%' then E'\n' || left(v_context, 500) else '' end, hint = v_hint;
    end;
    perform set_config('search_path', '', true);
    if v_file.kind = 'migration' or v_file.kind = 'mark' then
      insert into pipeline.migrations (name, sha256) values (v_file.name, v_file.sha256) on conflict do nothing;
    else
      foreach v_identity in array v_file.identities loop
        -- As Postgres writes it, whichever way the file does.
        v_identity := case
          when v_identity like 'view %' then 'view ' || to_regclass(substr(v_identity, 6))
          else 'function ' || to_regprocedure(substr(v_identity, 10)) end;
        if v_identity is null then
          raise exception '% does not make what it grants', v_file.name using errcode = '42883';
        end if;
        insert into pipeline.objects as o (identity, path, sha256) values (v_identity, v_file.name, v_file.sha256)
        on conflict (identity) do update
        set path = excluded.path, sha256 = excluded.sha256,
            applied_at = case when o.sha256 = excluded.sha256 then o.applied_at else now() end;
      end loop;
    end if;
  end loop;

  -- What this version no longer has. A name of ours on which something of the project's own depends is left to it.
  for v_file in
    select o.identity from pipeline.objects as o
    where o.path not in ('content/create_content_job.sql', 'crawl/claim_crawl_jobs.sql', 'crawl/complete_crawl.sql', 'crawl/crawls_per_host.sql', 'crawl/fail_crawl.sql', 'crawl/pending_crawl_count.sql', 'crawl/prune_crawls.sql', 'crawl/resubmit_crawl.sql', 'engine/add_pipeline.sql', 'engine/begin_attempt.sql', 'engine/bury.sql', 'engine/claim_stage.sql', 'engine/commit_stage.sql', 'engine/defer_stage.sql', 'engine/extend_lease.sql', 'engine/fail_stage.sql', 'engine/finish_stage.sql', 'engine/insert_event.sql', 'engine/lock_lease.sql', 'engine/log_event.sql', 'engine/now.sql', 'engine/pipeline_of.sql', 'engine/put_to_sleep.sql', 'engine/queue_of.sql', 'engine/queue_stage.sql', 'engine/refusal.sql', 'engine/set_queue_name.sql', 'engine/set_updated_at.sql', 'engine/take_message.sql', 'engine/wake_stage.sql', 'engine/wake_time.sql', 'engine/write_queue_functions.sql', 'models/begin_model_call.sql', 'models/bucket_level.sql', 'models/bucket_refill.sql', 'models/bucket_size.sql', 'models/embedding_cache_get.sql', 'models/embedding_cache_missing.sql', 'models/embedding_cache_put.sql', 'models/end_model_call.sql', 'models/keep_model_usage.sql', 'models/model_cost.sql', 'models/model_metrics.sql', 'models/prune_embedding_cache.sql', 'operations/cancel_job.sql', 'operations/check_invariants.sql', 'operations/dispatch_plan.sql', 'operations/latest_payload.sql', 'operations/pipeline_metrics.sql', 'operations/prune.sql', 'operations/ready_count.sql', 'operations/reap_expired_leases.sql', 'operations/replay_dead_letter.sql', 'operations/replay_dead_letters.sql', 'operations/stage_metrics.sql', 'pageperfect/commit_gap_analysis.sql', 'pageperfect/commit_keyword_clustering.sql', 'pageperfect/commit_rewrite_draft.sql', 'pageperfect/commit_segment_embed.sql', 'pageperfect/commit_submit_crawl.sql', 'pageperfect/commit_wait_crawl.sql', 'pageperfect/create_pageperfect_job.sql', 'pageperfect/drop_unfinished.sql', 'pageperfect/get_pageperfect_report.sql', 'pageperfect/get_vectors.sql', 'pageperfect/go_back.sql', 'pageperfect/input_gap_analysis.sql', 'pageperfect/input_keyword_clustering.sql', 'pageperfect/input_rewrite_draft.sql', 'pageperfect/input_segment_embed.sql', 'pageperfect/input_submit_crawl.sql', 'pageperfect/input_wait_crawl.sql', 'pageperfect/keyword_page_id.sql', 'pageperfect/load_checkpoint.sql', 'pageperfect/lock_commit.sql', 'pageperfect/max_keywords.sql', 'pageperfect/page_keywords.sql', 'pageperfect/pageperfect_analysis.sql', 'pageperfect/pageperfect_job.sql', 'pageperfect/put_keywords.sql', 'pageperfect/save_checkpoint.sql', 'pageperfect/stage_vectors.sql', 'pageperfect/usage_fact.sql', 'schedules/check_schedules.sql', 'schedules/dispatcher_is_wanted.sql', 'schedules/install_schedules.sql', 'schedules/ring.sql', 'schedules/set_schedule_secrets.sql', 'schedules/time_limits.sql', 'schedules/vault_secret.sql', 'schedules/wanted_schedules.sql', 'search_console/checkpoint_gsc_import.sql', 'search_console/claim_gsc_import.sql', 'search_console/fail_gsc_import.sql', 'search_console/gsc_import_is_due.sql', 'search_console/gsc_settled_day.sql', 'search_console/pending_gsc_import_count.sql', 'search_console/release_gsc_import.sql', 'search_console/start_gsc_import.sql', 'search_console/upsert_gsc_rows.sql', 'steps/ack_message.sql', 'steps/complete_stage.sql', 'steps/dead_letter_message.sql', 'steps/dequeue_stage.sql', 'steps/enqueue_stage.sql', 'steps/extend_message_visibility.sql', 'steps/record_stage_failure.sql', 'steps/requeue_stage.sql', 'steps/start_stage.sql', 'views/v_pageperfect_backlog.sql', 'views/v_pageperfect_costs.sql', 'views/v_pageperfect_failures.sql', 'views/v_pageperfect_in_flight.sql', 'views/v_pageperfect_job_status.sql', 'views/v_pageperfect_throughput.sql', '1_pipelines.sql', '2_tables.sql', '3_policies.sql', '4_schedules.sql')
    order by o.identity desc -- views before functions
  loop
    begin
      execute 'drop ' || replace(replace(v_file.identity, 'view ', 'view if exists '), 'function ', 'function if exists ');
    exception when dependent_objects_still_exist then
      raise warning 'pageperfect: % is of no use any more, and stays since something depends on it', v_file.identity;
    end;
    delete from pipeline.objects as o where o.identity = v_file.identity;
  end loop;
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;
