-- Who may do what. Nothing is reachable by anon. A signed-in user reads their own jobs and pages and what hangs on them.
-- Everything else belongs to service_role. Right under both of Supabase's default-privilege regimes: all is revoked
-- first, then granted by name.

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

do $$
declare
  v record;
begin
  for v in
    select p.oid::regprocedure as signature, n.nspname
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where (n.nspname = 'pipeline' or (n.nspname = 'public' and p.proname in (
      'claim_stage', 'commit_stage', 'extend_lease', 'defer_stage', 'fail_stage', 'insert_event',
      'reap_expired_leases', 'dispatch_plan', 'cancel_job', 'replay_dead_letter', 'replay_dead_letters', 'prune',
      'pipeline_metrics', 'check_invariants',
      'enqueue_stage', 'dequeue_stage', 'ack_message', 'extend_message_visibility', 'requeue_stage',
      'dead_letter_message', 'start_stage', 'complete_stage', 'record_stage_failure', 'create_content_job',
      'create_pageperfect_job', 'get_stage_input', 'get_vectors', 'stage_vectors', 'save_checkpoint', 'load_checkpoint', 'get_pageperfect_report',
      'commit_submit_crawl', 'commit_wait_crawl', 'commit_segment_embed', 'commit_keyword_clustering',
      'commit_gap_analysis', 'commit_rewrite_draft',
      'begin_model_call', 'end_model_call', 'model_metrics',
      'claim_crawl_jobs', 'complete_crawl', 'fail_crawl', 'pending_crawl_count', 'prune_crawls')))
  loop
    execute format('revoke execute on function %s from public, anon, authenticated', v.signature);
    if v.nspname = 'public' then
      execute format('grant execute on function %s to service_role', v.signature);
    end if;
  end loop;
  -- Read by the metrics view with the reader's rights.
  grant execute on function pipeline.now() to service_role;
  grant select on pipeline.stage_metrics to service_role;
  -- The knobs of a running system; the graph itself changes by migration only.
  revoke insert, update, delete on pipeline.stage_config from service_role;
  grant update (max_concurrency, trigger_batch_size, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    visibility_seconds, enabled) on pipeline.stage_config to service_role;
end;
$$;

do $$
declare
  v_view text;
begin
  foreach v_view in array array['v_pageperfect_job_status', 'v_pageperfect_backlog', 'v_pageperfect_in_flight',
    'v_pageperfect_failures', 'v_pageperfect_throughput', 'v_pageperfect_costs'] loop
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', v_view);
    execute format('grant select on public.%I to service_role', v_view);
  end loop;
  grant select on public.v_pageperfect_job_status to authenticated;
end;
$$;

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
