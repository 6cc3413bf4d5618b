-- Made by `./pageperfect schema` of supabase/schemas; not to be edited. `deploy` applies those files themselves.

-- Brings a database to this checkout in one statement, all or nothing: new migrations, then every function, view, policy
-- and grant. supabase/schema.ts puts the files in. What it did stands in two tables of the project:
--
--   pipeline.migrations  which migrations are applied; the project's own history (supabase_migrations) is not touched
--   pipeline.objects     which functions and views are ours, so that those which a later version lacks can go
--
-- What a later version no longer has goes by supabase/tidy.sql, once no worker calls it any more.
--
-- Safe to repeat. On a project that was set up before these tables existed (by `supabase db push`) all migrations run
-- again, which those of that time allow.
do $pageperfect$
declare
  v_is_older constant boolean := to_regclass('pipeline.objects') is null
    and (to_regclass('pipeline.jobs') is not null or to_regclass('public.embedding_cache') is not null);
  c_adoptable constant text[] := array['pages', 'crawl_jobs', 'page_embeddings', 'gsc_page_query', 'keyword_clusters',
    'rewrite_recommendations'];
  v_problems text[] := '{}';
  v_table record;
  v_column record;
  v_constraint record;
  v_rights jsonb;
  v_columns jsonb;
  v_later text[] := '{}'; -- what must wait for tables that are yet to be made
  v_count bigint;
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

  if to_regclass('pipeline.objects') is null and to_regclass('pipeline.jobs') is null and exists (
    select from pg_depend as d join pg_namespace as n on n.oid = d.refobjid
    where d.refclassid = 'pg_namespace'::regclass and n.nspname = 'pipeline'
  ) then
    v_problems := v_problems || 'the project has a schema named pipeline of its own: rename it'::text;
  end if;
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
  create table if not exists pipeline.adopted_tables (
    name text primary key,
    added_columns text[] not null default '{}',
    adopted_at timestamptz not null default now()
  );
  comment on table pipeline.adopted_tables is 'Tables that the project had before: their rights stay the project''s, and a removal leaves them';
  alter table pipeline.migrations enable row level security;
  alter table pipeline.objects enable row level security;
  alter table pipeline.adopted_tables enable row level security;
  revoke all on pipeline.migrations, pipeline.objects, pipeline.adopted_tables from public, anon, authenticated, service_role;

  if v_is_older then
    -- What may have gone since: all functions of the private schema, and of the public one those of that time.
    insert into pipeline.objects (identity, path, sha256)
    select 'function ' || p.oid::regprocedure, '', ''
    from pg_proc as p
    -- Those on messages are written again by pipeline.write_pipeline_functions.
    where (p.pronamespace = 'pipeline'::regnamespace and p.prorettype is distinct from to_regtype('pipeline.message'))
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

  -- All that could go wrong is looked at before anything of the project's is touched.
  select v_problems || coalesce(array_agg(format('the project does not offer the extension %s: enable it (Dashboard: Database, '
      'Extensions), or upgrade the project''s Postgres', e.name) order by e.name), '{}') into v_problems
  from unnest(array['pgmq', 'vector']) as e (name)
  where not exists (select from pg_available_extensions as a where a.name = e.name)
    and not exists (select from pg_extension as x where x.extname = e.name);

  -- A schema of a migration that is yet to run. (`pipeline` was looked at above: its ledger is in it by now.)
  select v_problems || coalesce(array_agg(format('the project has a schema named %s of its own: rename it', s.name)), '{}')
  into v_problems
  from unnest(array[]::text[]) as s (name)
  where to_regnamespace(s.name) is not null and not exists (select from pipeline.migrations);

  for v_file in
    select f.identity from unnest(array['function access.cancel_matching(jsonb, bigint)', 'function access.cancel_own_job(text, uuid)', 'function access.count_open_jobs(jsonb)', 'function access.decide_edit(uuid, bigint, text, text, text, text)', 'function access.get_analysis_input(uuid)', 'function access.get_costs(integer)', 'function access.get_embeddings(uuid, text[])', 'function access.get_estimate(jsonb)', 'function access.get_job_timeline(text, uuid)', 'function access.get_operations()', 'function access.get_passages(uuid)', 'function access.get_report(uuid)', 'function access.get_segments(uuid)', 'function access.get_site_outcomes(uuid)', 'function access.get_site_plan(uuid)', 'function access.get_site_progress(uuid)', 'function access.get_throughput(integer)', 'function access.is_member()', 'function access.is_operator()', 'function access.list_dead_letters(jsonb)', 'function access.list_jobs(jsonb, integer, text)', 'function access.list_members()', 'function access.list_pages(text, integer)', 'function access.matching_dead_letters(jsonb)', 'function access.matching_jobs(jsonb)', 'function access.own_job(text, uuid)', 'function access.replay_letter(text, bigint)', 'function access.replay_matching(jsonb, bigint)', 'function access.require_count(bigint, bigint)', 'function access.require_member()', 'function access.require_operator()', 'function access.retry_own_site_job(uuid)', 'function access.set_member(text, text)', 'function access.set_stages_enabled(text, text[], boolean)', 'function access.visible_job(text, uuid)', 'function access.whoami()', 'function public.create_content_job(jsonb, text, integer)', 'function public.commit_crawl(bigint, integer, jsonb)', 'function pipeline.crawl_is_pending()', 'function pipeline.crawls_per_host()', 'function public.input_crawl(uuid)', 'function pipeline.on_crawl(uuid, text, jsonb)', 'function pipeline.on_wait_crawl(uuid, text, jsonb)', 'function public.prune_crawls(interval, integer)', 'function pipeline.submit_crawl(public.crawl_jobs)', 'function pipeline.submit_crawls(integer)', 'function pipeline.add_pipeline(text, text)', 'function pipeline.admit_waiting(text, text)', 'function pipeline.adopt_message(text, uuid, text, pipeline.message, integer)', 'function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer)', 'function public.claim_stage(text, text, integer)', 'function public.claim_stages(text, text, integer, integer)', 'function pipeline.close_job()', 'function public.commit_and_claim(text, text, bigint, integer, jsonb, integer)', 'function public.commit_stage(text, bigint, integer, jsonb)', 'function public.defer_stage(text, bigint, integer, integer, text, jsonb)', 'function pipeline.enter_lane(text, integer, text, uuid)', 'function public.extend_lease(text, bigint, integer, integer)', 'function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text)', 'function pipeline.finish_stage(pipeline.lease, jsonb, jsonb, boolean)', 'function pipeline.guard_job()', 'function public.insert_event(text, uuid, text, text, text, jsonb)', 'function pipeline.job(text, uuid)', 'function pipeline.keep_error(text, uuid, text, jsonb)', 'function pipeline.lane_of(text, pipeline.jobs)', 'function pipeline.lock_commit(text, text, bigint, integer)', 'function pipeline.lock_lease(text, bigint, integer)', 'function pipeline.lock_own_message(text, bigint, uuid, text)', 'function pipeline.log_event(text, uuid, text, text, text, jsonb)', 'function pipeline.note_silence(text, pipeline.message, pipeline.job_stages)', 'function pipeline.now()', 'function pipeline.pipeline_of(text)', 'function pipeline.place_job(pipeline.jobs)', 'function pipeline.put_to_sleep(jsonb, timestamptz, timestamptz)', 'function pipeline.queue_of(text)', 'function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval, bigint, boolean)', 'function pipeline.rank_of(bigint, timestamptz, integer)', 'function pipeline.refusal(pipeline.lease)', 'function pipeline.reopen_job(text, uuid)', 'function pipeline.set_queue_name()', 'function pipeline.set_updated_at()', 'function pipeline.take_message(text, text, text, integer)', 'function pipeline.tell_hook(text, uuid, text, text, jsonb)', 'function pipeline.visible_error(jsonb, uuid)', 'function pipeline.wake_stage(text, uuid, text)', 'function pipeline.wake_time(timestamptz)', 'function pipeline.write_pipeline_functions()', 'function public.announce_model_calls(uuid, text, text, text, text, integer, bigint, bigint)', 'function public.begin_model_call(text, text, double precision, uuid)', 'function pipeline.bucket_level(public.model_limits, timestamptz)', 'function pipeline.bucket_refill(public.model_limits)', 'function pipeline.bucket_size(public.model_limits)', 'function public.embedding_cache_get(text, integer, text[])', 'function public.embedding_cache_missing(text, integer, text[])', 'function public.embedding_cache_put(text, integer, text[], text[])', 'function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision)', 'function pipeline.keep_model_usage()', 'function pipeline.model_cost(text, text, bigint, bigint)', 'function public.model_metrics()', 'function pipeline.note_model_call(text, text, uuid, uuid, numeric)', 'function public.prune_embedding_cache(interval, integer)', 'function pipeline.wait_for_dollars(uuid, numeric)', 'function public.cancel_job(text, uuid)', 'function public.check_invariants()', 'function public.dispatch_plan(text)', 'function public.erase_user(uuid)', 'function pipeline.latest_payload(text, uuid)', 'function public.mend_pipelines(integer)', 'function public.pipeline_metrics()', 'function public.prune(interval, interval, interval, integer)', 'function pipeline.ready_count(text, text, integer)', 'function public.reap_expired_leases(integer)', 'function public.replay_dead_letter(text, bigint)', 'function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer, numeric)', 'view pipeline.stage_metrics', 'function pipeline.stuck(text, integer)', 'function public.admit_passages(uuid, uuid, bigint)', 'function pipeline.check_quota(uuid, bigint, integer)', 'function pipeline.count_usage(uuid, integer, bigint, numeric)', 'function pipeline.analysis_drafts(uuid)', 'function pipeline.analysis_edits(uuid, integer)', 'function pipeline.analysis_method(uuid, jsonb)', 'function pipeline.commit_advice(pipeline.lease, jsonb)', 'function public.commit_gap_analysis(bigint, integer, jsonb)', 'function public.commit_keyword_clustering(bigint, integer, jsonb)', 'function public.commit_rewrite_draft(bigint, integer, jsonb)', 'function public.commit_segment_embed(bigint, integer, jsonb)', 'function public.commit_submit_crawl(bigint, integer, jsonb)', 'function public.commit_wait_crawl(bigint, integer, jsonb)', 'function public.create_pageperfect_job(jsonb, uuid, text)', 'function pipeline.desk_page(uuid)', 'function pipeline.desk_segments(uuid)', 'function pipeline.draft_scoring(uuid, double precision)', 'function pipeline.drop_unfinished(pipeline.lease)', 'function public.get_pageperfect_report(uuid)', 'function public.get_vectors(text, bigint[])', 'function pipeline.go_back(pipeline.lease, text, text)', 'function public.input_gap_analysis(uuid)', 'function public.input_keyword_clustering(uuid)', 'function public.input_rewrite_draft(uuid)', 'function public.input_segment_embed(uuid)', 'function public.input_submit_crawl(uuid)', 'function public.input_wait_crawl(uuid)', 'function pipeline.keyword_page_id(uuid)', 'function public.load_checkpoint(uuid, text, text)', 'function pipeline.max_keywords()', 'function pipeline.nearest_segments(uuid, bigint)', 'function pipeline.page_keywords(uuid)', 'function pipeline.page_topics(uuid, double precision)', 'function pipeline.pageperfect_analysis(uuid, uuid, jsonb)', 'function pipeline.pageperfect_report(uuid, jsonb)', 'function pipeline.put_keywords(uuid, jsonb)', 'function pipeline.same_job(pipeline.jobs, jsonb)', 'function public.save_checkpoint(bigint, integer, text, text, text)', 'function public.stage_vectors(bigint, integer, text, integer, text[])', 'function pipeline.usage_fact(pipeline.lease, jsonb)', 'function pipeline.check_schedules()', 'function pipeline.dispatcher_is_wanted()', 'function pipeline.every_seconds(integer)', 'function pipeline.install_schedules()', 'function pipeline.ring(text)', 'function pipeline.set_schedule_secrets(text, text)', 'function pipeline.time_limits()', 'function pipeline.vault_secret(text)', 'function pipeline.wanted_schedules()', 'function public.checkpoint_gsc_import(bigint, integer, integer, boolean, integer)', 'function public.gsc_settled_day()', 'function public.input_gsc_import(uuid)', 'function pipeline.on_gsc_import(uuid, text, jsonb)', 'function pipeline.queue_import(text)', 'function pipeline.start_due_imports()', 'function public.start_gsc_import(text, date, date)', 'function public.upsert_gsc_rows(jsonb)', 'function public.begin_site_draft(bigint, integer, text, text, boolean)', 'function public.cancel_site_job(uuid)', 'function pipeline.clicks_around(uuid, text[], date, integer)', 'function public.commit_analyse_pages(bigint, integer, jsonb)', 'function public.commit_select_pages(bigint, integer, jsonb)', 'function public.commit_site_drafts(bigint, integer, jsonb)', 'function public.commit_site_plan(bigint, integer, jsonb)', 'function public.commit_site_topics(bigint, integer, jsonb)', 'function public.create_site_job(jsonb, uuid, text)', 'function pipeline.draft_seconds()', 'function public.get_site_report(uuid)', 'function public.input_analyse_pages(uuid)', 'function public.input_select_pages(uuid)', 'function public.input_site_drafts(uuid)', 'function public.input_site_plan(uuid)', 'function public.input_site_topics(uuid)', 'function pipeline.is_of_property(text, text)', 'function pipeline.mark_site_edits(uuid)', 'function public.next_site_candidate(uuid)', 'function pipeline.page_seconds()', 'function pipeline.put_site_draft(pipeline.lease, text, text, text, jsonb, jsonb, jsonb, boolean)', 'function public.retry_site_job(uuid)', 'function public.schedule_site(uuid, integer)', 'function pipeline.segment_texts(jsonb)', 'function public.site_candidate_page(uuid)', 'function pipeline.site_ceiling_is_reached(pipeline.jobs)', 'function pipeline.site_costs(uuid)', 'function pipeline.site_counts(uuid)', 'function pipeline.site_draft_cost(text, text)', 'function pipeline.site_draft_counts(uuid)', 'function public.site_draft_input(uuid, text)', 'function pipeline.site_drafts_wanted(uuid)', 'function public.site_found_answers(uuid, integer, integer)', 'function pipeline.site_keywords(uuid, date, integer)', 'function public.site_outcomes(uuid)', 'function public.site_page_inputs(uuid, text, integer, integer)', 'function public.site_page_parts(uuid, text, integer, integer)', 'function public.site_progress(uuid)', 'function pipeline.site_report_drafts(uuid)', 'function pipeline.site_result(uuid, jsonb)', 'function public.site_state(uuid, text, text)', 'function pipeline.site_window()', 'function public.stage_site_answers(bigint, integer, jsonb)', 'function public.stage_site_candidates(bigint, integer, jsonb)', 'function public.stage_site_draft(bigint, integer, jsonb)', 'function public.stage_site_pages(text, bigint, integer, jsonb)', 'function public.stage_site_state(text, bigint, integer, text, text)', 'function pipeline.start_due_sites()', 'function public.ack_message(text, bigint, integer)', 'function public.complete_stage(text, uuid, text, integer)', 'function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer, integer)', 'function public.dequeue_stage(text, integer, text)', 'function public.enqueue_stage(text, uuid, text, jsonb, integer, integer, bigint, integer)', 'function public.extend_message_visibility(text, bigint, integer, integer)', 'function pipeline.holds_message(text, bigint, integer)', 'function public.record_stage_failure(text, uuid, text, jsonb, integer)', 'function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer, integer)', 'function public.start_stage(text, uuid, text, integer)', 'view public.v_pageperfect_backlog', 'view public.v_pageperfect_costs', 'view public.v_pageperfect_failures', 'view public.v_pageperfect_in_flight', 'view public.v_pageperfect_job_status', 'view public.v_pageperfect_throughput', 'function public.cancel_matching(jsonb, bigint)', 'function public.cancel_own_job(text, uuid)', 'function public.count_open_jobs(jsonb)', 'function public.decide_edit(uuid, bigint, text, text, text, text)', 'function public.get_analysis_input(uuid)', 'function public.get_costs(integer)', 'function public.get_embeddings(uuid, text[])', 'function public.get_estimate(jsonb)', 'function public.get_job_timeline(text, uuid)', 'function public.get_operations()', 'function public.get_passages(uuid)', 'function public.get_report(uuid)', 'function public.get_segments(uuid)', 'function public.get_site_outcomes(uuid)', 'function public.get_site_plan(uuid)', 'function public.get_site_progress(uuid)', 'function public.get_throughput(integer)', 'function public.list_dead_letters(jsonb)', 'function public.list_jobs(jsonb, integer, text)', 'function public.list_members()', 'function public.list_pages(text, integer)', 'function public.replay_letter(text, bigint)', 'function public.replay_matching(jsonb, bigint)', 'function public.retry_own_site_job(uuid)', 'function public.set_member(text, text)', 'function public.set_stages_enabled(text, text[], boolean)', 'function public.whoami()', 'file 1_pipelines.sql', 'file 2_tables.sql', 'file 3_policies.sql', 'file 4_schedules.sql']::text[]) as f (identity)
    where f.identity ~ '^(function|view) public\.'
  loop
    begin
      v_identity := case
        when v_file.identity like 'view %' then 'view ' || to_regclass(substr(v_file.identity, 6))
        else 'function ' || to_regprocedure(substr(v_file.identity, 10)) end;
    exception when undefined_object or undefined_table then
      v_identity := null; -- an argument is of a type that is yet to be made
    end;
    if v_identity is not null and not exists (select from pipeline.objects as o where o.identity = v_identity) then
      v_problems := v_problems || format('the %s is the project''s own, and PagePerfect makes one of this name and these '
        'arguments: rename it', v_identity);
    end if;
  end loop;

  for v_file in
    select q.queue from unnest(array[]::text[]) as q (queue) where to_regclass(format('pgmq.%I', 'q_' || q.queue)) is not null
  loop
    if to_regclass('pipeline.pipelines') is not null then
      execute 'select count(*) from pipeline.pipelines where queue = $1' into v_count using v_file.queue;
    end if;
    if coalesce(v_count, 0) = 0 then
      v_problems := v_problems || format('the pgmq queue %s is the project''s own, and PagePerfect needs one of this name: '
        'move its messages to another queue and drop it', v_file.queue);
    end if;
  end loop;

  -- What the columns of a table that is to be adopted should be is read off tables that are made as ours would be, in a
  -- schema that is gone at the end.
  if not exists (select from pipeline.migrations)
    and exists (select from unnest(c_adoptable) as t (name) where to_regclass(format('public.%I', t.name)) is not null)
  then
    create schema pageperfect_adopt;
    select n.nspname into v_vector_schema
    from pg_extension as e join pg_namespace as n on n.oid = e.extnamespace where e.extname = 'vector';
    if v_vector_schema is null then
      create extension vector with schema extensions;
      v_vector_schema := 'extensions';
    end if;
    for v_table in
      select t.name, t.definition from (values
        
        ('', '', null, null, '')
      ) as t (migration, name, parent, columns, definition)
      where t.name = any (c_adoptable)
    loop
      execute replace(v_table.definition, 'extensions.vector', quote_ident(v_vector_schema) || '.vector');
    end loop;
  end if;

  for v_table in
    select t.* from (values
      
      ('', '', null, null, '')
    ) as t (migration, name, parent, columns, definition)
    where t.name <> '' and to_regclass(format('public.%I', t.name)) is not null
      and not exists (select from pipeline.migrations as m where m.name = t.migration)
  loop
    if v_table.parent is not null then
      if not exists (
        select from pg_inherits as i
        where i.inhrelid = to_regclass(format('public.%I', v_table.name)) and i.inhparent = to_regclass('pipeline.' || v_table.parent)
      ) then
        v_problems := v_problems || format('the table public.%s is the project''s own, and PagePerfect makes one of this name: '
          'rename it', v_table.name);
      end if;
      continue;
    end if;
    if not exists (
      select from unnest(v_table.columns) as c (name)
      where not exists (select from pg_attribute as a
        where a.attrelid = to_regclass(format('public.%I', v_table.name)) and a.attname = c.name and not a.attisdropped)
    ) then
      continue; -- ours, or so like ours that it makes no difference
    end if;
    if v_table.name <> all (c_adoptable) then
      v_problems := v_problems || format('the table public.%s is the project''s own, and PagePerfect makes one of this name: '
        'rename it', v_table.name);
      continue;
    end if;

    -- Adopted: it gets the columns that it lacks, and stays what it is to everybody else.
    insert into pipeline.adopted_tables (name) values (v_table.name) on conflict do nothing;
    for v_column in
      select w.attname as name, format_type(w.atttypid, w.atttypmod) as type, w.attidentity <> '' as is_identity,
        case when w.attgenerated = '' then pg_get_expr(d.adbin, d.adrelid) end as default_text, w.attnotnull as is_required,
        h.attname is not null as is_there, format_type(h.atttypid, null) as found_type, h.atttypid = w.atttypid
          or exists (select from (values ('{text,varchar,citext}'::text[]), ('{int2,int4,int8}'), ('{float4,float8,numeric}'),
              ('{timestamp,timestamptz}')) as g (names)
            where wt.typname = any (g.names) and ht.typname = any (g.names)) as fits
      from pg_attribute as w
      join pg_type as wt on wt.oid = w.atttypid
      left join pg_attrdef as d on d.adrelid = w.attrelid and d.adnum = w.attnum
      left join pg_attribute as h on h.attrelid = to_regclass(format('public.%I', v_table.name)) and h.attname = w.attname
        and not h.attisdropped
      left join pg_type as ht on ht.oid = h.atttypid
      where w.attrelid = to_regclass(format('pageperfect_adopt.%I', v_table.name)) and w.attnum > 0 and not w.attisdropped
      order by w.attnum
    loop
      if v_column.is_there and not v_column.fits then
        v_problems := v_problems || format('public.%s.%s is of type %s, and PagePerfect needs %s: rename the column or the table',
          v_table.name, v_column.name, v_column.found_type, v_column.type);
      elsif not v_column.is_there then
        execute format('alter table public.%I add column %I %s', v_table.name, v_column.name, v_column.type)
          || case when v_column.is_identity then ' generated by default as identity'
            when v_column.default_text is not null then ' default ' || v_column.default_text
              || case when v_column.is_required then ' not null' else '' end
            else '' end;
        update pipeline.adopted_tables as a set added_columns = a.added_columns || v_column.name::text where a.name = v_table.name;
      elsif v_column.default_text is not null and not exists (
        select from pg_attribute as a where a.attrelid = to_regclass(format('public.%I', v_table.name))
          and a.attname = v_column.name and (a.atthasdef or a.attidentity <> '')
      ) then
        execute format('alter table public.%I alter column %I set default %s', v_table.name, v_column.name, v_column.default_text);
      elsif v_column.is_identity and not exists (
        select from pg_attribute as a where a.attrelid = to_regclass(format('public.%I', v_table.name))
          and a.attname = v_column.name and (a.atthasdef or a.attidentity <> '')
      ) then
        v_problems := v_problems || format('public.%s.%s has no default, and PagePerfect gives it none: make it an identity '
          'column or give it a sequence', v_table.name, v_column.name);
      end if;
    end loop;
    select v_problems || coalesce(array_agg(format('public.%s.%s is required and has no default, and PagePerfect does not know it: '
        'give it a default or drop its NOT NULL', v_table.name, a.attname) order by a.attnum), '{}') into v_problems
    from pg_attribute as a
    where a.attrelid = to_regclass(format('public.%I', v_table.name)) and a.attnum > 0 and not a.attisdropped and a.attnotnull
      and not a.atthasdef and a.attidentity = '' and a.attname <> all (v_table.columns);
    for v_constraint in
      select c.conname as name, c.contype as type, replace(pg_get_constraintdef(c.oid), 'pageperfect_adopt.', 'public.') as definition,
        (select array_agg(a.attname::text order by k.place) from unnest(c.conkey) with ordinality as k (number, place)
          join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.number) as columns
      from pg_constraint as c
      where c.conrelid = to_regclass(format('pageperfect_adopt.%I', v_table.name)) and c.contype in ('p', 'u', 'c', 'f')
      order by c.contype = 'f', c.conname
    loop
      begin
        case v_constraint.type
        when 'c' then
          -- Where its own rows break a rule the rule is not the project's.
          execute format('alter table public.%I add constraint %I %s', v_table.name, v_constraint.name, v_constraint.definition);
        when 'f' then
          v_later := v_later || format('alter table public.%I add constraint %I %s not valid', v_table.name, v_constraint.name,
            v_constraint.definition);
        else
          if not exists (
            select from pg_index as i
            where i.indrelid = to_regclass(format('public.%I', v_table.name)) and i.indisunique and i.indpred is null
              and (select array_agg(a.attname::text order by k.place) from unnest(i.indkey) with ordinality as k (number, place)
                join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number) = v_constraint.columns
              and (v_constraint.definition not like '%NULLS NOT DISTINCT%' or pg_get_indexdef(i.indexrelid) like '%NULLS NOT DISTINCT%')
          ) then
            if v_constraint.columns = array['id'] then
              execute format('alter table public.%I add unique (id)', v_table.name);
            else
              -- Rows that the project keeps in its own way have no page of ours.
              execute format('create unique index %I on public.%I (%s)%s%s', v_constraint.name, v_table.name,
                (select string_agg(quote_ident(c), ', ') from unnest(v_constraint.columns) as c),
                case when v_constraint.definition like '%NULLS NOT DISTINCT%' then ' nulls not distinct' else '' end,
                case when 'page_id' = any (v_constraint.columns) then ' where page_id is not null' else '' end);
            end if;
          end if;
        end case;
      exception
        when check_violation or duplicate_object or undefined_function then null;
        when unique_violation then
          get stacked diagnostics v_detail = pg_exception_detail;
          v_problems := v_problems || format('public.%s must hold each (%s) once, and does not: %s', v_table.name,
            array_to_string(v_constraint.columns, ', '), v_detail);
        when others then
          v_problems := v_problems || format('public.%s: %s', v_table.name, sqlerrm);
      end;
    end loop;
  end loop;
  if cardinality(v_problems) > 0 then
    raise exception '%', E'the project is not ready, and nothing was changed:\n  - ' || array_to_string(v_problems, E'\n  - ')
      using errcode = '55000';
  end if;
  drop schema if exists pageperfect_adopt cascade;
  select jsonb_agg(jsonb_build_object('name', t.name, 'has_policies', c.relrowsecurity, 'grants', (
      select jsonb_agg(distinct jsonb_build_object('right', g.privilege_type, 'to', coalesce(r.rolname, 'public')))
      from aclexplode(c.relacl) as g left join pg_roles as r on r.oid = g.grantee
      where coalesce(r.rolname, 'public') in ('public', 'anon', 'authenticated')))) into v_rights
  from pipeline.adopted_tables as t join pg_class as c on c.oid = to_regclass(format('public.%I', t.name));

  select jsonb_object_agg(t.name, (select jsonb_agg(a.attname) from pg_attribute as a
      where a.attrelid = to_regclass(format('public.%I', t.name)) and a.attnum > 0 and not a.attisdropped))
  into v_columns from pipeline.adopted_tables as t;

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
('mark', '20261127030000_members.sql', '1de607798e19ee0d5b00b22c6f53bb98e1dced94ee8e3220efdf17141ed4879d', '{}'::text[], $file$$file$),
('mark', '20261127033800_one_engine.sql', 'edd4d57c5c576d5bfa0dbadb86ca7ae730d435fec559e0680401108ebb44a592', '{}'::text[], $file$$file$),
('mark', '20261127034000_result_v2.sql', '51cdcf8284f2dc9f7696cfae74909b53558db2b8378ef2c7d2771d662eef6bf5', '{}'::text[], $file$$file$),
('mark', '20261127035600_measured_queries.sql', '74d46c9fad96fcddc5a5a8808dd97b6822b2543d6e1c8dc392324b1bed378f12', '{}'::text[], $file$$file$),
('mark', '20261127041000_site.sql', '95a07ec0f01eb2d75a99b3eadb5e68709c3123aaa0c33e77d0c93cefee801323', '{}'::text[], $file$$file$),
('mark', '20261127041500_page_facts.sql', '58d6b6befaa96f33d8723764674c3dd45b0c5edaea9b2d5a2d4b1e18acba9189', '{}'::text[], $file$$file$),
('mark', '20261127043000_shorter_path.sql', '902bbdf84bfb7e4bb9837d9b1a53c7e3ed8be7d02b161bddf6f5e870b63f5f75', '{}'::text[], $file$$file$),
('mark', '20261127043100_model_calls_under_way.sql', 'b8de04d8b4d9b03e78556a1a55584dd00cd07b69d14b96703bdc1a5d37dc98ac', '{}'::text[], $file$$file$),
('mark', '20261127045500_site_scale.sql', 'd002d17ad452dc2ae6f34caa40d83aa8d1ac24584694205760ec894400bbba55', '{}'::text[], $file$$file$),
('mark', '20261127124500_unknown_positions.sql', 'b2615d49a4832aca26a3f9d6cfbb7fdfdee8d7050af64b9e94dad8771f30cf9c', '{}'::text[], $file$$file$),
('mark', '20261127130000_site_schedules.sql', '997b4905fe9e51d087a980100a23a4a447cb75575d63ea7b196b031d1b030f7b', '{}'::text[], $file$$file$),
('mark', '20261127232500_site_drafts.sql', 'a969a9e221956536436222fbb6069d6040eccfc4d8f58dcc005cd00f57cd9ac5', '{}'::text[], $file$$file$),
('object', 'access/cancel_matching.sql', '05f20391e8885257124196ad6d0c56366c6466636f82245cff8f2f189d3611eb', array['function access.cancel_matching(jsonb, bigint)'], $file$-- Cancels up to 500 of the matching jobs that are not finished; {cancelled_count, remaining_count}. Repeat while some remain.
create or replace function access.cancel_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_cancelled integer;
begin
  perform access.require_operator();
  perform access.require_count((select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing')), p_expected);
  select count(*) filter (where (public.cancel_job(j.pipeline, j.id) ->> 'cancelled')::boolean) into v_cancelled
  from (select m.pipeline, m.id from access.matching_jobs(p_filters) as m
        where m.status in ('queued', 'processing') order by m.created_at, m.id limit 500) as j;
  return jsonb_build_object('cancelled_count', v_cancelled,
    'remaining_count', (select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing')));
end;
$$;

revoke execute on function access.cancel_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function access.cancel_matching(jsonb, bigint) to authenticated, service_role;
$file$),
('object', 'access/cancel_own_job.sql', 'eec323aec9bbc4b0932fc26d9767aaf4e770a4d18da0a02c60a03a99c9fd626c', array['function access.cancel_own_job(text, uuid)'], $file$-- Cancels one job: operators any, others their own.
create or replace function access.cancel_own_job(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
security definer
set search_path = ''
as $$ select public.cancel_job(p_pipeline, (access.own_job(p_pipeline, p_job_id)).id) $$;

revoke execute on function access.cancel_own_job(text, uuid) from public, anon, authenticated;
grant execute on function access.cancel_own_job(text, uuid) to authenticated, service_role;
$file$),
('object', 'access/count_open_jobs.sql', '3f2de971730146f3b4e825325aaf539ba5feaa3e72171b6b416141c91c5e77bc', array['function access.count_open_jobs(jsonb)'], $file$-- How many unfinished jobs the filters match: asked before cancelling.
create or replace function access.count_open_jobs(p_filters jsonb)
returns bigint
language sql
stable
security definer
set search_path = ''
as $$
  select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing');
$$;

revoke execute on function access.count_open_jobs(jsonb) from public, anon, authenticated;
grant execute on function access.count_open_jobs(jsonb) to authenticated, service_role;
$file$),
('object', 'access/decide_edit.sql', '65eb467ad75af856654478b0849d224c90b0c44255dd7506d701c680257cd982', array['function access.decide_edit(uuid, bigint, text, text, text, text)'], $file$-- Records what the caller decided about an edit; null undoes it. Members decide on every job, others on their own.
create or replace function access.decide_edit(
  p_job_id uuid, p_edit_id bigint, p_decision text, p_label text, p_reason text, p_body_markdown text
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.own_job('pageperfect', p_job_id);
  v_decision access.edit_decisions;
begin
  if p_decision is null then
    delete from access.edit_decisions as d where d.job_id = p_job_id and d.edit_id = p_edit_id;
    return null;
  end if;
  insert into access.edit_decisions as d (job_id, edit_id, page_id, label, decision, reason, body_markdown, decided_by)
  values (p_job_id, p_edit_id, v_job.page_id, coalesce(p_label, ''), p_decision, nullif(p_reason, ''), p_body_markdown, auth.uid())
  on conflict (job_id, edit_id) do update
    set decision = excluded.decision, reason = excluded.reason, label = excluded.label,
      body_markdown = excluded.body_markdown, decided_by = excluded.decided_by, decided_at = now()
  returning * into v_decision;
  return to_jsonb(v_decision);
end;
$$;

revoke execute on function access.decide_edit(uuid, bigint, text, text, text, text) from public, anon, authenticated;
grant execute on function access.decide_edit(uuid, bigint, text, text, text, text) to authenticated, service_role;
$file$),
('object', 'access/get_analysis_input.sql', 'f86b7f74660f0656b862f9f84f20b3cf19ecf149156d7e88e5bf1544778f5748', array['function access.get_analysis_input(uuid)'], $file$-- What the stages of a job that the caller may see compute from, for a what-if on the same wasm: {clustering, gaps}, as
-- input_keyword_clustering and input_gap_analysis give it, without what the first of them finds. Null when a later job has replaced the
-- page's segments.
create or replace function access.get_analysis_input(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job('pageperfect', p_job_id);
  v_page_id uuid := v_job.page_id;
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}');
  v_clustering jsonb;
begin
  if not exists (select from public.page_embeddings as e where e.page_id = v_page_id and e.job_id = p_job_id) then
    return null;
  end if;
  v_clustering := public.input_keyword_clustering(p_job_id);
  return jsonb_build_object('clustering', v_clustering, 'gaps', (
    select jsonb_build_object('model', e.model, 'dimensions', e.dimensions,
      'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
      'top', coalesce((v_parameters ->> 'top')::integer, 10),
      'language', v_clustering -> 'facts' ->> 'language',
      'period_days', coalesce((v_parameters ->> 'period_days')::integer, (
        select max(g.date) - min(g.date) + 1
        from public.gsc_page_query as g
        where g.page_id = (select pipeline.keyword_page_id(v_page_id)) and g.date is not null)),
      'segments', (
        select coalesce(jsonb_agg(s.segment || jsonb_build_object('text',
          case when s.segment ->> 'kind' = 'heading' then s.segment ->> 'text' else '' end) order by s.n), '[]'::jsonb)
        from jsonb_array_elements(v_clustering -> 'segments') with ordinality as s (segment, n)))
    from public.page_embeddings as e where e.page_id = v_page_id limit 1));
end;
$$;

revoke execute on function access.get_analysis_input(uuid) from public, anon, authenticated;
grant execute on function access.get_analysis_input(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_costs.sql', '157dc3701f7bfcd63a34b5a162e0fd2fa32602db7cdd382a760b9f82499cab76', array['function access.get_costs(integer)'], $file$-- Dollars and tokens by day, page and model over the last days.
create or replace function access.get_costs(p_days integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(to_jsonb(c) order by c.day desc, c.cost_usd desc nulls last), '[]'::jsonb)
    from public.v_pageperfect_costs as c
    where c.day > current_date - least(greatest(coalesce(p_days, 30), 1), 366));
end;
$$;

revoke execute on function access.get_costs(integer) from public, anon, authenticated;
grant execute on function access.get_costs(integer) to authenticated, service_role;
$file$),
('object', 'access/get_embeddings.sql', '68cfb97da7f63b788502c2d57de0d85060a56b5d03687a76bc29239a303ed29f', array['function access.get_embeddings(uuid, text[])'], $file$-- The stored embeddings of texts in the model of a job that the caller may see: {model, dimensions, vectors}, base64 of little-endian
-- f32s in the order of the texts, null for one that is not stored. Who is no member is told of the queries of the job's own page alone
-- (a model's prefix before it may be there), not of what others had embedded.
create or replace function access.get_embeddings(p_job_id uuid, p_texts text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job('pageperfect', p_job_id);
  v_method jsonb := coalesce(v_job.result -> 'method', v_job.result -> 'parameters');
  v_model text := v_method ->> 'model';
  v_dimensions integer := v_method ->> 'dimensions';
  v_texts text[] := p_texts;
begin
  if cardinality(p_texts) > 1000 then
    raise exception 'at most 1,000 texts at once' using errcode = '22023';
  end if;
  if not access.is_member() then
    select array_agg(case when exists (
        select from public.gsc_page_query as g
        where g.page_id = v_job.page_id and g.query in (t.text, regexp_replace(t.text, '^[^:]*: ', '')))
      then t.text end order by t.n) into v_texts
    from unnest(p_texts) with ordinality as t (text, n);
  end if;
  return jsonb_build_object('model', v_model, 'dimensions', v_dimensions,
    'vectors', public.embedding_cache_get(v_model, v_dimensions, v_texts));
end;
$$;

revoke execute on function access.get_embeddings(uuid, text[]) from public, anon, authenticated;
grant execute on function access.get_embeddings(uuid, text[]) to authenticated, service_role;
$file$),
('object', 'access/get_estimate.sql', '9e43c8bdfdf87aa4c780dea471c5c6d99955b91712a212be0d7fd8d0c536f209', array['function access.get_estimate(jsonb)'], $file$-- What a request to the intake will take, before it is sent, going by the newest analyses: {page_count, query_count, seconds,
-- tokens, usd, job_count}. `keyword_count` stands for the request's keywords. page_count is null while nobody knows how many pages a
-- sitemap names, and the rest is then of max_pages; query_count is that of a page. What no analysis of late can tell is null. Users
-- learn nothing of others: their estimate goes by their own analyses, and tokens and usd are null.
create or replace function access.get_estimate(p_request jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid := auth.uid();
  v_site jsonb := p_request -> 'site';
  v_most integer := coalesce((p_request ->> 'max_pages')::integer, 300);
  v_draft_count integer := case when coalesce((p_request ->> 'generate_draft')::boolean, true)
    then coalesce((p_request #>> '{parameters,drafts}')::integer, 1) else 0 end;
  v_page_count integer := 1;
  v_query_count bigint := (p_request ->> 'keyword_count')::bigint;
  -- Drafts of its plan.
  v_site_draft_count integer := case when v_site is null then 0 else coalesce((p_request ->> 'drafts')::integer, 0) end;
  v_draft record;
  v_page record;
begin
  if v_site is not null then
    v_page_count := case
      when v_site ? 'urls' then least(jsonb_array_length(v_site -> 'urls'), v_most)
      when v_site ? 'property' then (
        select least(count(*), v_most) from public.pages as p
        where p.owner_id is not distinct from v_owner_id and pipeline.is_of_property(p.url, v_site ->> 'property')
          and exists (select from public.gsc_page_query as g where g.page_id = p.id)) end;
  elsif v_query_count is null then
    select count(*) into v_query_count
    from public.pages as p, pipeline.page_keywords(p.id)
    where p.url = p_request ->> 'url' and p.owner_id is not distinct from v_owner_id;
  end if;

  with lately as materialized (
    select n.id, coalesce((n.result #>> '{summary,query_count}')::bigint, 0) as query_count,
      jsonb_array_length(coalesce(n.result -> 'drafts', '[]'::jsonb)) as draft_count
    from pipeline.jobs as n
    where n.pipeline = 'pageperfect' and n.status = 'completed' and n.result is not null
      and ((select access.is_member()) or n.user_id = v_owner_id)
    order by n.completed_at desc limit 30
  ), units as (
    -- A page's text, its queries and its drafts: each is paid for, and takes its time, by its number.
    select 'page' as part, count(*)::numeric as had, 1::numeric as wanted from lately
    union all
    select 'query', sum(l.query_count), coalesce(v_query_count, avg(l.query_count)) from lately as l
    union all
    select 'draft', sum(l.draft_count), v_draft_count from lately as l
  ), part_of (stage, part) as (
    select c.stage, case c.stage when 'keyword_clustering' then 'query' when 'rewrite_draft' then 'draft' else 'page' end
    from pipeline.stage_config as c where c.pipeline = 'pageperfect'
  ), used as (
    select o.part, sum(u.input_tokens + u.output_tokens) as tokens, sum(u.cost_usd) as usd, bool_or(u.cost_usd is null) as is_unpriced
    from public.model_usage as u join lately as l on l.id = u.job_id join part_of as o using (stage) group by o.part
  ), took as (
    select o.part, extract(epoch from sum(s.finished_at - s.started_at)) as seconds
    from pipeline.job_stages as s join lately as l on l.id = s.job_id join part_of as o using (stage)
    where s.pipeline = 'pageperfect' group by o.part
  )
  select sum(n.had) filter (where n.part = 'page') as job_count,
    sum(t.seconds * n.wanted / n.had) as seconds,
    case when not coalesce(bool_or(n.had is null and n.wanted > 0), true) then sum(u.tokens * n.wanted / n.had) end as tokens,
    case when not coalesce(bool_or(n.had is null and n.wanted > 0 or u.is_unpriced), true) then sum(u.usd * n.wanted / n.had) end as usd
  into v_page
  from (select m.part, m.wanted, nullif(m.had, 0) as had from units as m) as n
  left join used as u using (part) left join took as t using (part);

  select case when v_site_draft_count = 0 then 0 else d.tokens * v_site_draft_count end as tokens,
    case when v_site_draft_count = 0 then 0 else d.usd * v_site_draft_count end as usd
  into v_draft from pipeline.site_draft_cost(null, null) as d;

  return jsonb_build_object(
    'page_count', v_page_count, 'query_count', case when v_site is null then v_query_count end, 'job_count', coalesce(v_page.job_count, 0),
    'seconds', case when v_site is null then v_page.seconds
      when v_page.job_count > 0 then coalesce(v_page_count, v_most) * pipeline.page_seconds() end)
    || case when (select access.is_member()) then jsonb_build_object(
      'tokens', round(v_page.tokens * coalesce(v_page_count, v_most) + v_draft.tokens),
        'usd', round(v_page.usd * coalesce(v_page_count, v_most) + v_draft.usd, 6))
      else '{"tokens": null, "usd": null}'::jsonb end;
end;
$$;

revoke execute on function access.get_estimate(jsonb) from public, anon, authenticated;
grant execute on function access.get_estimate(jsonb) to authenticated, service_role;
$file$),
('object', 'access/get_job_timeline.sql', '5cdfab187fc4856b27ddb439dc3d0a18e245bfa8d429c47a561f3d4670fb544f', array['function access.get_job_timeline(text, uuid)'], $file$-- Everything that happened to a job: {job, stages, events, dead_letters, costs}; the newest 1,000 events.
create or replace function access.get_job_timeline(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job(p_pipeline, p_job_id);
begin
  return jsonb_build_object(
    'job', to_jsonb(v_job) - 'result' - 'payload' - 'pipeline' || jsonb_build_object('parameters', v_job.payload -> 'parameters',
      'title', (select p.title from public.pages as p where p.id = v_job.page_id)),
    'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'), 'worker', c.worker,
        'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', coalesce(s.max_attempts, c.max_attempts), 'queued_at', s.queued_at,
        'started_at', s.started_at, 'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at,
        'lease_expires_at', s.lease_expires_at, 'last_error', s.last_error) order by c.position), '[]'::jsonb)
      from pipeline.stage_config as c
      left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
      -- What a job had no need of does not wait for it once it is done.
      where c.pipeline = p_pipeline and (s.stage is not null or v_job.status <> 'completed')),
    'events', (select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'stage', e.stage, 'status', e.status, 'message', e.message,
        'metadata', e.metadata, 'created_at', e.created_at) order by e.id), '[]'::jsonb)
      from (select l.* from pipeline.job_events as l where l.pipeline = p_pipeline and l.job_id = p_job_id order by l.id desc limit 1000) as e),
    'dead_letters', (select coalesce(jsonb_agg(to_jsonb(d) - 'payload' - 'pipeline' order by d.id), '[]'::jsonb)
      from pipeline.dead_letters as d where d.pipeline = p_pipeline and d.job_id = p_job_id),
    'costs', (select coalesce(jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' order by u.created_at), '[]'::jsonb)
      from public.model_usage as u where u.job_id = p_job_id));
end;
$$;

revoke execute on function access.get_job_timeline(text, uuid) from public, anon, authenticated;
grant execute on function access.get_job_timeline(text, uuid) to authenticated, service_role;
$file$),
('object', 'access/get_operations.sql', '0eba1b1a6b4dbee810c63158397990c77021887f95daa0542b3493e9c48326ad', array['function access.get_operations()'], $file$-- What an operator looks at first: {at, stages, jobs, last_hour, dead_letters, invariants, schedules, properties}.
create or replace function access.get_operations()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return public.pipeline_metrics() || jsonb_build_object(
    'settings', (select jsonb_agg(jsonb_build_object('pipeline', c.pipeline, 'stage', c.stage, 'enabled', c.enabled,
        'max_concurrency', c.max_concurrency, 'max_attempts', c.max_attempts, 'worker', c.worker) order by c.pipeline, c.position)
      from pipeline.stage_config as c),
    'invariants', (select coalesce(jsonb_agg(to_jsonb(i)), '[]'::jsonb) from (
        select * from public.check_invariants() limit 100) as i),
    'schedules', (select coalesce(jsonb_agg(to_jsonb(s)), '[]'::jsonb) from pipeline.check_schedules() as s),
    'properties', (select coalesce(jsonb_agg(jsonb_build_object('property', g.property, 'enabled', g.enabled, 'imported_until', g.imported_until,
        'row_count', g.row_count, 'last_error', g.last_error, 'last_imported_at', g.last_imported_at) order by g.property), '[]'::jsonb)
      from public.gsc_properties as g));
end;
$$;

revoke execute on function access.get_operations() from public, anon, authenticated;
grant execute on function access.get_operations() to authenticated, service_role;
$file$),
('object', 'access/get_passages.sql', '09613e39d111267323b503fb0c2883fe1ba6a97ed325a0cb5a89689013912d6a', array['function access.get_passages(uuid)'], $file$-- The texts of a job's segments that a report cuts, whole: {segment id: text}. Empty when a later job has replaced them.
create or replace function access.get_passages(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.visible_job('pageperfect', p_job_id);
  return (select coalesce(jsonb_object_agg(e.id, e.text), '{}'::jsonb)
    from public.page_embeddings as e where e.job_id = p_job_id and length(e.text) > 400);
end;
$$;

revoke execute on function access.get_passages(uuid) from public, anon, authenticated;
grant execute on function access.get_passages(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_report.sql', '7e6ba1b33bf8071a0795dfe898fc97924297b57c589fea759af7b9c3ba598bd4', array['function access.get_report(uuid)'], $file$-- The report of a job that the caller may see.
create or replace function access.get_report(p_job_id uuid)
returns json
language sql
stable
security definer
set search_path = ''
as $$
  select pipeline.pageperfect_report((access.visible_job('pageperfect', p_job_id)).id, jsonb_build_object('decisions', (
    select coalesce(jsonb_agg(to_jsonb(d) order by d.edit_id), '[]'::jsonb) from access.edit_decisions as d where d.job_id = p_job_id)));
$$;

revoke execute on function access.get_report(uuid) from public, anon, authenticated;
grant execute on function access.get_report(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_segments.sql', 'a5cfc3debeb11bf854f092c71a944d1d4e830cfb7a544dfe0ba4bd0baa709f80', array['function access.get_segments(uuid)'], $file$-- A job's segments in their order as they were embedded: {model, dimensions, ids, texts, vectors}; texts are whole (a report's are cut),
-- each vector is base64 of its vector_send bytes. Empty when a later job has replaced them.
create or replace function access.get_segments(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.visible_job('pageperfect', p_job_id);
  return (
    select jsonb_build_object('model', max(e.model), 'dimensions', max(e.dimensions),
      'ids', coalesce(jsonb_agg(e.id order by e.position), '[]'::jsonb),
      'texts', coalesce(jsonb_agg(e.text order by e.position), '[]'::jsonb),
      'vectors', coalesce(jsonb_agg(replace(encode(extensions.vector_send(e.embedding), 'base64'), E'\n', '') order by e.position), '[]'::jsonb))
    from public.page_embeddings as e where e.job_id = p_job_id);
end;
$$;

revoke execute on function access.get_segments(uuid) from public, anon, authenticated;
grant execute on function access.get_segments(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_site_outcomes.sql', '16283f85d4ea7a99f86d1052d9f968b9947229c48f51bd690ab7c3cd0f96ff4e', array['function access.get_site_outcomes(uuid)'], $file$-- What was counted before and after the edits of a site's job that were made, of a job that the caller may see; as site_outcomes.
create or replace function access.get_site_outcomes(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.site_outcomes((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_outcomes(uuid) from public, anon, authenticated;
grant execute on function access.get_site_outcomes(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_site_plan.sql', '6a65a714a9e98436bb7d134483dbde74332d547dd7e449c70e8c7394f110487a', array['function access.get_site_plan(uuid)'], $file$-- The plan of a site's job that the caller may see; null before there is one.
create or replace function access.get_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.get_site_report((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_plan(uuid) from public, anon, authenticated;
grant execute on function access.get_site_plan(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_site_progress.sql', '59238551579999bcd57595f72cf462774b46dc3736ff7f390f46284a933e6c0f', array['function access.get_site_progress(uuid)'], $file$-- How far a site's job is that the caller may see.
create or replace function access.get_site_progress(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$ select public.site_progress((access.visible_job('site', p_job_id)).id) $$;

revoke execute on function access.get_site_progress(uuid) from public, anon, authenticated;
grant execute on function access.get_site_progress(uuid) to authenticated, service_role;
$file$),
('object', 'access/get_throughput.sql', 'd32e301c07c206d814d7d6c1cd7285395ac035cdc8db636d956de6ee8ce2b679', array['function access.get_throughput(integer)'], $file$-- Completions, retries and dead letters by hour and stage over the last days: what the charts show.
create or replace function access.get_throughput(p_hours integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(to_jsonb(t) order by t.hour), '[]'::jsonb) from (
    select date_trunc('hour', e.created_at) as hour,
      count(*) filter (where e.status = 'completed' and e.stage is not null) as completed_count,
      count(*) filter (where e.status = 'retry_scheduled') as retry_count,
      count(*) filter (where e.status = 'dead_lettered') as dead_letter_count
    from public.pageperfect_job_events as e
    where e.created_at > now() - make_interval(hours => least(greatest(coalesce(p_hours, 48), 1), 24 * 14))
    group by 1) as t);
end;
$$;

revoke execute on function access.get_throughput(integer) from public, anon, authenticated;
grant execute on function access.get_throughput(integer) to authenticated, service_role;
$file$),
('object', 'access/is_member.sql', '870741748d7d2b6d0cd81026f43d31106090a2d4402c5932997ccdf8471d4ac5', array['function access.is_member()'], $file$-- Whether the caller reads the whole project: the service, and every member.
create or replace function access.is_member()
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce((select auth.role()) = 'service_role', false)
    or exists (select from access.members as m where m.user_id = (select auth.uid()));
$$;

revoke execute on function access.is_member() from public, anon, authenticated;
grant execute on function access.is_member() to authenticated, service_role;
$file$),
('object', 'access/is_operator.sql', '0aea2d2b98e7e2788dd35f623ff5a3d7068a1b6df3678fc434de6df8e58cde4a', array['function access.is_operator()'], $file$-- Whether the caller may start, cancel, replay and pause: the service, and operators.
create or replace function access.is_operator()
returns boolean
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce((select auth.role()) = 'service_role', false)
    or exists (select from access.members as m where m.user_id = (select auth.uid()) and m.role = 'operator');
$$;

revoke execute on function access.is_operator() from public, anon, authenticated;
grant execute on function access.is_operator() to authenticated, service_role;
$file$),
('object', 'access/list_dead_letters.sql', '6c7a17c9439265a7b8e15761bd68bb58f0dcfc9605bbd6a5ccf1f120885875f3', array['function access.list_dead_letters(jsonb)'], $file$-- {groups, letters, total_count}: groups by stage and reason, and the newest 100 letters.
create or replace function access.list_dead_letters(p_filters jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return jsonb_build_object(
    'groups', (select coalesce(jsonb_agg(to_jsonb(g) order by g.letter_count desc, g.reason), '[]'::jsonb) from (
        select d.stage, d.failure_reason as reason, count(*) as letter_count, min(d.routed_at) as first_at, max(d.routed_at) as last_at,
          (array_agg(left(d.error_details ->> 'message', 300) order by d.id desc))[1] as example
        from access.matching_dead_letters(p_filters - 'reason' - 'stage') as d
        group by 1, 2) as g),
    'letters', (select coalesce(jsonb_agg(jsonb_build_object('id', d.id, 'job_id', d.job_id, 'url', j.url, 'stage', d.stage,
        'reason', d.failure_reason, 'message', left(d.error_details ->> 'message', 500), 'attempt_count', d.attempt_count,
        'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id desc), '[]'::jsonb)
      from (select * from access.matching_dead_letters(p_filters) as m order by m.id desc limit 100) as d
      left join pipeline.jobs as j on j.pipeline = d.pipeline and j.id = d.job_id),
    'total_count', (select count(*) from access.matching_dead_letters(p_filters)));
end;
$$;

revoke execute on function access.list_dead_letters(jsonb) from public, anon, authenticated;
grant execute on function access.list_dead_letters(jsonb) to authenticated, service_role;
$file$),
('object', 'access/list_jobs.sql', '1c2102daf006d23adbe0a8871fbfcdb46149b872bf1c24dbeab46e5ad86c10a5', array['function access.list_jobs(jsonb, integer, text)'], $file$-- A page of those jobs, newest first: {jobs, total_count, next}. `next` is the cursor of the page after it, null at the end; the
-- count stops at 10,000.
create or replace function access.list_jobs(p_filters jsonb, p_limit integer, p_cursor text)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with asked as (
    select least(greatest(coalesce(p_limit, 50), 1), 200) as size,
      split_part(p_cursor, ' ', 1)::timestamptz as before_at, split_part(p_cursor, ' ', 2)::uuid as before_id
  ),
  found as (
    select j.* from asked as a, access.matching_jobs(p_filters) as j
    where p_cursor is null or (j.created_at, j.id) < (a.before_at, a.before_id)
    order by j.created_at desc, j.id desc
    limit (select a.size + 1 from asked as a)
  ),
  shown as (
    select f.*, row_number() over (order by f.created_at desc, f.id desc) as n from found as f
  )
  select jsonb_build_object(
    'jobs', coalesce((select jsonb_agg(jsonb_build_object(
        'job_id', s.id, 'url', s.url, 'title', p.title, 'page_id', s.page_id, 'status', s.status, 'stage', s.stage, 'priority', s.priority,
        'attempt_count', g.attempt_count, 'max_attempts', g.max_attempts, 'next_retry_at', g.next_retry_at,
        'error', coalesce(s.error, g.last_error), 'created_at', s.created_at, 'completed_at', s.completed_at,
        'completed_stage_count', (select count(*) from pipeline.job_stages as c
          where c.pipeline = s.pipeline and c.job_id = s.id and c.status = 'completed'),
        'summary', s.result -> 'summary') order by s.n)
      from shown as s
      left join public.pages as p on p.id = s.page_id
      left join pipeline.job_stages as g on g.pipeline = s.pipeline and g.job_id = s.id and g.stage = s.stage
      where s.n <= (select a.size from asked as a)), '[]'::jsonb),
    'next', (select to_char(s.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.USZ') || ' ' || s.id
      from shown as s, asked as a where s.n = a.size and exists (select from shown as l where l.n > a.size)),
    'total_count', (select count(*) from (select from access.matching_jobs(p_filters) limit 10000) as c));
$$;

revoke execute on function access.list_jobs(jsonb, integer, text) from public, anon, authenticated;
grant execute on function access.list_jobs(jsonb, integer, text) to authenticated, service_role;
$file$),
('object', 'access/list_members.sql', '1c319735549a1230a56073948ed3db97ef3cb5fd25ebe7f13c0a26b648a4163b', array['function access.list_members()'], $file$-- Everybody who sees the project: [{user_id, email, role, created_at}].
create or replace function access.list_members()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(jsonb_build_object('user_id', m.user_id, 'email', u.email, 'role', m.role, 'created_at', m.created_at)
      order by m.created_at, m.user_id), '[]'::jsonb)
    from access.members as m join auth.users as u on u.id = m.user_id);
end;
$$;

revoke execute on function access.list_members() from public, anon, authenticated;
grant execute on function access.list_members() to authenticated, service_role;
$file$),
('object', 'access/list_pages.sql', 'ccefc554a8cb9665d146bf793147df2c8e533929ac899f301501196bc50bf823', array['function access.list_pages(text, integer)'], $file$-- Each page with its newest finished analysis, the newest first: {job_id, url, title, created_at, summary, open_job_id}.
create or replace function access.list_pages(p_search text, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(to_jsonb(f) order by f.completed_at desc), '[]'::jsonb)
  from (
    select p.id as page_id, p.url, p.title, j.id as job_id, j.completed_at, j.result -> 'summary' as summary,
      jsonb_array_length(coalesce(j.result -> 'edits', j.result -> 'recommendations', '[]'::jsonb)) as edit_count,
      (select count(*) from access.edit_decisions as d where d.job_id = j.id and d.decision <> 'draft') as decided_count,
      (select o.id from pipeline.jobs as o where o.pipeline = 'pageperfect' and o.page_id = p.id
         and o.status in ('queued', 'processing') order by o.created_at desc limit 1) as open_job_id
    from public.pages as p
    join lateral (
      select n.id, n.completed_at, n.result from pipeline.jobs as n
      where n.pipeline = 'pageperfect' and n.page_id = p.id and n.status = 'completed'
        and ((select access.is_member()) or n.user_id = (select auth.uid()))
      order by n.completed_at desc limit 1
    ) as j on true
    where coalesce(p_search, '') = '' or strpos(lower(p.url || ' ' || coalesce(p.title, '')), lower(p_search)) > 0
    order by j.completed_at desc
    limit least(greatest(coalesce(p_limit, 100), 1), 1000)
  ) as f;
$$;

revoke execute on function access.list_pages(text, integer) from public, anon, authenticated;
grant execute on function access.list_pages(text, integer) to authenticated, service_role;
$file$),
('object', 'access/matching_dead_letters.sql', '5803822d1ce954871d75cea68b3215271d6c017838b86b5ac91dedb7eaf91639', array['function access.matching_dead_letters(jsonb)'], $file$-- The dead letters that fit {pipeline, stage, reason, since, until, replayed}; only open ones unless `replayed` is true.
create or replace function access.matching_dead_letters(p_filters jsonb)
returns setof pipeline.dead_letters
language sql
stable
security definer
set search_path = ''
as $$
  select d.*
  from pipeline.dead_letters as d
  where d.pipeline = coalesce(p_filters ->> 'pipeline', 'pageperfect')
    and (coalesce((p_filters ->> 'replayed')::boolean, false) or d.replayed_at is null)
    and (p_filters ->> 'stage' is null or d.stage = p_filters ->> 'stage')
    and (p_filters ->> 'reason' is null or d.failure_reason = p_filters ->> 'reason')
    and (p_filters ->> 'since' is null or d.routed_at >= (p_filters ->> 'since')::timestamptz)
    and (p_filters ->> 'until' is null or d.routed_at < (p_filters ->> 'until')::timestamptz);
$$;

revoke execute on function access.matching_dead_letters(jsonb) from public, anon, authenticated;
$file$),
('object', 'access/matching_jobs.sql', '2a8f25e4b9888bd75ed989e86bbf1596915e0e642880e8d872a3324e4e98c0c3', array['function access.matching_jobs(jsonb)'], $file$-- The jobs that fit all of the filters {pipeline, status, stage, url, error, page_id, user_id, since, until}. `url` and `error` are parts
-- of it, any case; a key that is missing or null fits all. Members see every job, others their own.
create or replace function access.matching_jobs(p_filters jsonb)
returns setof pipeline.jobs
language sql
stable
security definer
set search_path = ''
as $$
  select j.*
  from pipeline.jobs as j
  where j.pipeline = coalesce(p_filters ->> 'pipeline', 'pageperfect')
    and ((select access.is_member()) or j.user_id = (select auth.uid()))
    and (p_filters ->> 'status' is null or j.status = p_filters ->> 'status')
    and (p_filters ->> 'stage' is null or j.stage = p_filters ->> 'stage')
    and (p_filters ->> 'url' is null or strpos(lower(coalesce(j.url, '')), lower(p_filters ->> 'url')) > 0)
    and (p_filters ->> 'error' is null or strpos(lower(coalesce(j.error ->> 'code', '') || ' ' || coalesce(j.error ->> 'message', '')), lower(p_filters ->> 'error')) > 0)
    and (p_filters ->> 'page_id' is null or j.page_id = (p_filters ->> 'page_id')::uuid)
    and (p_filters ->> 'user_id' is null or j.user_id = (p_filters ->> 'user_id')::uuid)
    and (p_filters ->> 'since' is null or j.created_at >= (p_filters ->> 'since')::timestamptz)
    and (p_filters ->> 'until' is null or j.created_at < (p_filters ->> 'until')::timestamptz);
$$;

revoke execute on function access.matching_jobs(jsonb) from public, anon, authenticated;
grant execute on function access.matching_jobs(jsonb) to authenticated, service_role;
$file$),
('object', 'access/own_job.sql', '1ac86951450f3d9b96dc8e26af368a8a0f351588bc4188982961aa73c3d13133', array['function access.own_job(text, uuid)'], $file$-- A job that the caller may change: operators any, others their own. Raises P0002 for one that they may not see.
create or replace function access.own_job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job(p_pipeline, p_job_id);
begin
  if v_job.user_id is distinct from auth.uid() or auth.uid() is null then
    perform access.require_operator();
  end if;
  return v_job;
end;
$$;

revoke execute on function access.own_job(text, uuid) from public, anon, authenticated;
$file$),
('object', 'access/replay_letter.sql', 'f82c5cc81420a7c8bd6edd878c6348c935dc6c632fc84d422232c064409e1dc0', array['function access.replay_letter(text, bigint)'], $file$-- Replays one dead letter.
create or replace function access.replay_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform access.require_operator();
  return public.replay_dead_letter(p_pipeline, p_dead_letter_id);
end;
$$;

revoke execute on function access.replay_letter(text, bigint) from public, anon, authenticated;
grant execute on function access.replay_letter(text, bigint) to authenticated, service_role;
$file$),
('object', 'access/replay_matching.sql', '5102f605c31bfab36a7a7537e8c550b6e1352008400f86c8286264f13c28cad9', array['function access.replay_matching(jsonb, bigint)'], $file$-- Replays up to 1,000 of the matching dead letters; {replayed_count, remaining_count}. Repeat while some remain. `p_expected`: how many
-- the caller was told match; more are refused.
create or replace function access.replay_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_replayed integer;
begin
  perform access.require_operator();
  perform access.require_count((select count(*) from access.matching_dead_letters(p_filters)), p_expected);
  select count(*) filter (where public.replay_dead_letter(d.pipeline, d.id) ->> 'status' = 'replayed') into v_replayed
  from (select m.pipeline, m.id from access.matching_dead_letters(p_filters) as m order by m.routed_at, m.id limit 1000) as d;
  return jsonb_build_object('replayed_count', v_replayed,
    'remaining_count', (select count(*) from access.matching_dead_letters(p_filters)));
end;
$$;

revoke execute on function access.replay_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function access.replay_matching(jsonb, bigint) to authenticated, service_role;
$file$),
('object', 'access/require_count.sql', 'b8006847f03d83eafcdf6a375029ad3eb1cc3ab84fc549637ba11d8d38ee5308', array['function access.require_count(bigint, bigint)'], $file$-- Refuses when more match than the operator saw and confirmed; fewer are no surprise while the queue moves.
create or replace function access.require_count(p_count bigint, p_expected bigint)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_count > p_expected then
    raise exception '% match now, more than the % that were confirmed', p_count, p_expected using errcode = '40001',
      hint = 'Nothing was changed.';
  end if;
end;
$$;

revoke execute on function access.require_count(bigint, bigint) from public, anon, authenticated;
$file$),
('object', 'access/require_member.sql', '685687f6e86eced9ecd4631f2913a3a77010ba0f5e0644eac19f13761606093d', array['function access.require_member()'], $file$-- Raises unless the caller is a member.
create or replace function access.require_member()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not access.is_member() then
    raise exception 'only members of this project may see this' using errcode = '42501', hint = 'An operator can add you.';
  end if;
end;
$$;

revoke execute on function access.require_member() from public, anon, authenticated;
grant execute on function access.require_member() to authenticated, service_role;
$file$),
('object', 'access/require_operator.sql', '49ac7a8ff0583b7913fbbd1dba80fcd95d08466e6a902d103b13653582be8a1c', array['function access.require_operator()'], $file$-- Raises unless the caller is an operator.
create or replace function access.require_operator()
returns void
language plpgsql
stable
set search_path = ''
as $$
begin
  if not access.is_operator() then
    raise exception 'only operators of this project may do this' using errcode = '42501', hint = 'An operator can make you one.';
  end if;
end;
$$;

revoke execute on function access.require_operator() from public, anon, authenticated;
grant execute on function access.require_operator() to authenticated, service_role;
$file$),
('object', 'access/retry_own_site_job.sql', '49ec7af9ff00742b3abe07746e71f5e18b030af78cf170881622f8e43efefed7', array['function access.retry_own_site_job(uuid)'], $file$-- Tries the failed pages of an ended site's job once more, and only those: operators of any job, others of their own.
create or replace function access.retry_own_site_job(p_job_id uuid)
returns jsonb
language sql
security definer
set search_path = ''
as $$ select public.retry_site_job((access.own_job('site', p_job_id)).id) $$;

revoke execute on function access.retry_own_site_job(uuid) from public, anon, authenticated;
grant execute on function access.retry_own_site_job(uuid) to authenticated, service_role;
$file$),
('object', 'access/set_member.sql', 'e484ad8033bd8b34c296841fc3819194ce2bbb798c91d335a156764403a7fe7a', array['function access.set_member(text, text)'], $file$-- Makes the user with this email address a reader or operator; a role of null takes the membership away.
create or replace function access.set_member(p_email text, p_role text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_user_id uuid;
begin
  perform access.require_operator();
  select u.id into v_user_id from auth.users as u where lower(u.email) = lower(btrim(p_email));
  if not found then
    raise exception 'nobody with the address % has signed in yet', p_email using errcode = 'P0002',
      hint = 'Invite them in Supabase, Authentication, Users.';
  end if;
  if p_role is null then
    delete from access.members as m where m.user_id = v_user_id;
  else
    insert into access.members as m (user_id, role) values (v_user_id, p_role)
    on conflict (user_id) do update set role = excluded.role;
  end if;
  return access.list_members();
end;
$$;

revoke execute on function access.set_member(text, text) from public, anon, authenticated;
grant execute on function access.set_member(text, text) to authenticated, service_role;
$file$),
('object', 'access/set_stages_enabled.sql', 'cd00576f8a0ab9ffb3e36b7ebec84f318d9c353ab53159c63cbd2d98c114fb6b', array['function access.set_stages_enabled(text, text[], boolean)'], $file$-- Pauses or resumes stages (null: all of the pipeline). What runs goes on; what waits, waits. Only the first stage paused drains the rest.
create or replace function access.set_stages_enabled(p_pipeline text, p_stages text[], p_enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform access.require_operator();
  update pipeline.stage_config as c set enabled = p_enabled
  where c.pipeline = p_pipeline and (p_stages is null or c.stage = any (p_stages)) and c.enabled <> p_enabled;
  get diagnostics v_count = row_count;
  return jsonb_build_object('changed_count', v_count);
end;
$$;

revoke execute on function access.set_stages_enabled(text, text[], boolean) from public, anon, authenticated;
grant execute on function access.set_stages_enabled(text, text[], boolean) to authenticated, service_role;
$file$),
('object', 'access/visible_job.sql', '871f52fcd01787878ea8b661cf77bd0a46d25a58ad8670f3547eff15468f4def', array['function access.visible_job(text, uuid)'], $file$-- A job that the caller may see: members any, others their own. Raises P0002 for every other.
create or replace function access.visible_job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from access.matching_jobs(jsonb_build_object('pipeline', p_pipeline)) as j where j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function access.visible_job(text, uuid) from public, anon, authenticated;
$file$),
('object', 'access/whoami.sql', '3824943bd9e1e90e3c3d47f4757d83f3e77fae2fcccc9f0ccd526cc52a29447f', array['function access.whoami()'], $file$-- Who is calling: {user_id, email, role}; role null: a user who sees only their own jobs.
create or replace function access.whoami()
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('user_id', auth.uid(), 'email', auth.jwt() ->> 'email',
    'role', case when access.is_operator() then 'operator' when access.is_member() then 'reader' end);
$$;

revoke execute on function access.whoami() from public, anon, authenticated;
grant execute on function access.whoami() to authenticated, service_role;
$file$),
('object', 'content/create_content_job.sql', 'e3a2b9d7aaaf090535c1543995529f95b52d58910278d542953a7acb693f2ae1', array['function public.create_content_job(jsonb, text, integer)'], $file$-- Creates a content job and queues its first stage.
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
$file$),
('object', 'crawl/commit_crawl.sql', 'afa4bd5f0a8a32ca2388bccda7b4fb6bca2f9154c422668428ef714a21a03e6a', array['function public.commit_crawl(bigint, integer, jsonb)'], $file$-- Stores a crawled page. With not_modified in p_output it is as previous_crawl_job_id found it, whose HTML becomes this
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
$file$),
('object', 'crawl/crawl_is_pending.sql', 'ac6c55d184179e16d46c663d30524ae8d8aaa931dde88bdc942b0ab3fd345979', array['function pipeline.crawl_is_pending()'], $file$create or replace function pipeline.crawl_is_pending()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.submit_crawl(new);
  return null;
end;
$$;

revoke execute on function pipeline.crawl_is_pending() from public, anon, authenticated;

create or replace trigger crawl_is_pending after insert or update of status on public.crawl_jobs
for each row when (new.status = 'pending') execute function pipeline.crawl_is_pending();
$file$),
('object', 'crawl/crawls_per_host.sql', 'f58272c924658cd891223f44308049e4780afba6f038c628a06904aafa0d37b4', array['function pipeline.crawls_per_host()'], $file$-- How many crawls of one host go on at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.crawls_per_host()
returns integer
language sql
immutable
set search_path = ''
as $$ select 2 $$;

revoke execute on function pipeline.crawls_per_host() from public, anon, authenticated;
$file$),
('object', 'crawl/input_crawl.sql', 'aaf136f5276fbbe4f8ee0d666d3f34da0589c54ac2dac9dd86b619725edc94df', array['function public.input_crawl(uuid)'], $file$-- What a crawl begins with; `previous` is an earlier crawl of the URL whose HTML is still here, for a conditional request.
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
$file$),
('object', 'crawl/on_crawl.sql', 'f6bc93d5b40feb73ba7023cd52087f143372436af3198f092cc8ae11df6fe376', array['function pipeline.on_crawl(uuid, text, jsonb)'], $file$-- What becomes of a crawl's row with its job; the end of a crawl wakes the job that waits for it.
create or replace function pipeline.on_crawl(p_job_id uuid, p_event text, p_details jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_now timestamptz := pipeline.now();
begin
  update public.crawl_jobs as c
  set status = case p_event when 'started' then 'processing' when 'dead_lettered' then 'failed' when 'cancelled' then 'failed' else 'pending' end,
      attempt_count = c.attempt_count + (p_event = 'started')::integer,
      lease_expires_at = case when p_event = 'started' then (p_details ->> 'lease_expires_at')::timestamptz end,
      available_at = case when p_event = 'retry' then v_now + make_interval(secs => (p_details ->> 'delay_seconds')::double precision) else c.available_at end,
      finished_at = case when p_event in ('dead_lettered', 'cancelled') then v_now end,
      http_status = coalesce((p_details ->> 'http_status')::integer, c.http_status),
      error = case when p_event in ('started', 'deferred') then c.error when p_event = 'replayed' then null
        when p_event = 'cancelled' then jsonb_build_object('code', 'cancelled', 'message', 'the crawl was cancelled', 'retryable', false)
        else pipeline.visible_error(p_details - 'delay_seconds' - 'reason', (select p.owner_id from public.pages as p where p.id = c.page_id)) end
  where c.id = p_job_id
  returning * into v_crawl;
  if v_crawl.status = 'failed' and v_crawl.job_id is not null then
    perform pipeline.wake_stage('pageperfect', v_crawl.job_id, 'wait_crawl');
  end if;
end;
$$;

revoke execute on function pipeline.on_crawl(uuid, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'crawl/on_wait_crawl.sql', '5130d80d3bd9409e1ae023d40eb3cc61560ecf736efb05f40340d3968a137ea9', array['function pipeline.on_wait_crawl(uuid, text, jsonb)'], $file$-- A wait for a crawl that is tried again submits a failed crawl again.
create or replace function pipeline.on_wait_crawl(p_job_id uuid, p_event text, p_details jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_event in ('retry', 'replayed') then
    update public.crawl_jobs as c
    set status = 'pending', error = null, finished_at = null, max_attempts = c.attempt_count + 3, queued_at = pipeline.now(),
        available_at = pipeline.now() + make_interval(secs => coalesce((p_details ->> 'delay_seconds')::double precision, 0))
    where c.id in (
      select l.id from public.crawl_jobs as l where l.job_id = p_job_id and l.status = 'failed' for update skip locked);
  end if;
end;
$$;

revoke execute on function pipeline.on_wait_crawl(uuid, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'crawl/prune_crawls.sql', '471b03014f452805adcaa072d23aa6d746a3d4465269be6b0a8ad0f82050c425', array['function public.prune_crawls(interval, integer)'], $file$-- Deletes finished crawls, which hold the page's HTML, once nothing will read them again: their job is completed,
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
  with old as (
    delete from public.crawl_jobs where id in (
      select c.id from public.crawl_jobs as c
      where c.status in ('completed', 'failed') and c.finished_at < pipeline.now() - p_after
        and not exists (
          select from pipeline.jobs as j
          where j.pipeline = 'pageperfect' and j.id = c.job_id and j.status in ('queued', 'processing', 'failed'))
      order by c.finished_at
      limit p_limit
      for update skip locked)
    returning id
  ),
  jobs as (
    delete from pipeline.jobs as j using old where j.pipeline = 'fetch' and j.id = old.id
  )
  select count(*) into v_count from old;
  return v_count;
end;
$$;

revoke execute on function public.prune_crawls(interval, integer) from public, anon, authenticated;
$file$),
('object', 'crawl/submit_crawl.sql', '5282c9b9cac141f024fadb93534eb0904012f88102026ed10bfe64c245c61eb2', array['function pipeline.submit_crawl(public.crawl_jobs)'], $file$-- A pending row of crawl_jobs, whoever put it there, becomes a job of the pipeline `fetch` with the row's id.
create or replace function pipeline.submit_crawl(p_crawl public.crawl_jobs)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job record;
begin
  select j.status, s.msg_id into v_job from pipeline.jobs as j
  left join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id and s.stage = 'crawl'
  where j.pipeline = 'fetch' and j.id = p_crawl.id for update of j;
  if found and v_job.status in ('queued', 'processing') then
    return;
  elsif found then -- pending once more: tried again with new attempts
    perform pipeline.reopen_job('fetch', p_crawl.id);
  else
    insert into pipeline.jobs (pipeline, id, job_type, url, page_id, user_id, stage, priority, created_at)
    select 'fetch', p_crawl.id, 'crawl', p_crawl.url, p_crawl.page_id, p.owner_id, 'crawl',
      coalesce((select j.priority from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_crawl.job_id), 0), pipeline.now()
    from public.pages as p where p.id = p_crawl.page_id;
  end if;
  perform pipeline.queue_stage('fetch', p_crawl.id, 'crawl', '{}'::jsonb,
    (select j.priority from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = p_crawl.id),
    greatest(p_crawl.available_at - pipeline.now(), '0'));
end;
$$;

revoke execute on function pipeline.submit_crawl(public.crawl_jobs) from public, anon, authenticated;
$file$),
('object', 'crawl/submit_crawls.sql', '7fb9878f7216ef62ebcb370bded5876ab03dc27bd677597ed1ac60ef237e8877', array['function pipeline.submit_crawls(integer)'], $file$-- Pending crawls that nobody has queued, as after a restore without the engine's tables; how many are now.
create or replace function pipeline.submit_crawls(p_limit integer default 500)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_crawl public.crawl_jobs;
  v_count integer := 0;
begin
  for v_crawl in
    select c.* from public.crawl_jobs as c
    where c.status in ('pending', 'processing')
      and not exists (select from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = c.id and j.is_open)
    limit p_limit
    for update skip locked
  loop
    perform pipeline.submit_crawl(v_crawl);
    perform pipeline.log_event('fetch', v_crawl.id, 'crawl', 'mended', 'crawl: nobody had queued it');
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.submit_crawls(integer) from public, anon, authenticated;
$file$),
('object', 'engine/add_pipeline.sql', 'd6ebba52da91b06a8eb727b7cc0f77548326565d744b22c6816cf66ca3329452', array['function pipeline.add_pipeline(text, text)'], $file$-- Makes a pipeline, or what is missing of it: its five public partitions and its queue with the index that claims read
-- through. Safe to repeat. Refuses a queue that is somebody else's.
create or replace function pipeline.add_pipeline(p_pipeline text, p_queue text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_kind text;
  v_table text;
begin
  if not exists (select from pipeline.pipelines as p where p.pipeline = p_pipeline) then
    if to_regclass(format('pgmq.%I', 'q_' || p_queue)) is not null then
      raise exception 'there is a queue % already, which is not this pipeline''s', p_queue
        using errcode = '42710', hint = 'choose another name, or drop it: select pgmq.drop_queue(…)';
    end if;
    insert into pipeline.pipelines (pipeline, queue) values (p_pipeline, p_queue);
  end if;

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
  if not exists (select from pg_constraint as c where c.conrelid = format('public.%I', p_pipeline || '_payloads')::regclass and c.contype = 'p') then
    execute format('create unique index if not exists %I on public.%I (job_id, stage)', p_pipeline || '_payloads_key', p_pipeline || '_payloads');
    execute format('alter table public.%I add constraint %I primary key using index %I',
      p_pipeline || '_payloads', p_pipeline || '_payloads_pkey', p_pipeline || '_payloads_key');
  end if;
  -- From partition to partition: checking a key against the parent locks and opens all pipelines' tables.
  foreach v_kind in array array['job_stages', 'job_events', 'payloads'] loop
    v_table := p_pipeline || '_' || v_kind;
    if not exists (select from pg_constraint as c where c.conrelid = format('public.%I', v_table)::regclass and c.contype = 'f') then
      execute format('alter table public.%I add constraint %I foreign key (job_id) references public.%I (id) on delete cascade',
        v_table, v_table || '_job_id_fkey', p_pipeline || '_jobs');
    end if;
  end loop;

  -- Rows that change at every transition: room for new versions on the page, early vacuum.
  foreach v_kind in array array['jobs', 'job_stages'] loop
    execute format('alter table public.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)',
      p_pipeline || '_' || v_kind);
  end loop;
  -- Not at the engine's own steps from one open state to the next, which say the time themselves.
  execute format('create or replace trigger guard_job before update on public.%I for each row when (old.updated_at = new.updated_at or not old.is_open or new.status not in (''queued'', ''processing'')) execute function pipeline.guard_job()', p_pipeline || '_jobs');
  execute format('create or replace trigger close_job after update on public.%I for each row when (old.is_open and not new.is_open) execute function pipeline.close_job()', p_pipeline || '_jobs');
  execute format('create or replace trigger set_queue_name before insert on public.%I for each row execute function pipeline.set_queue_name()', p_pipeline || '_dead_letters');
  execute format('create or replace trigger set_updated_at before update on public.%I for each row execute function pipeline.set_updated_at()', p_pipeline || '_payloads');
  execute format('drop trigger if exists set_updated_at on public.%I', p_pipeline || '_jobs');

  if to_regclass(format('pgmq.%I', 'q_' || p_queue)) is null then
    -- Whatever else is left of a queue by this name would stand in the way of a new one.
    perform pgmq.drop_queue(p_queue) where exists (select from pgmq.meta as m where m.queue_name = p_queue);
    perform pgmq.create(p_queue);
  end if;
  -- Ids go on behind an earlier queue's, and behind those that only a database knew which a restored one replaced: an old
  -- lease never fits a new message. Of those nothing is left but the time, in which they were fewer than its milliseconds.
  execute format(
    'select setval(pg_get_serial_sequence(''pgmq.%1$I'', ''msg_id''), greatest(
       (select max(s.msg_id) from pipeline.job_stages as s where s.pipeline = %2$L), (select max(q.msg_id) from pgmq.%1$I as q),
       (extract(epoch from clock_timestamp()) * 1000)::bigint) + 1)',
    'q_' || p_queue, p_pipeline);
  -- One stage's messages in their order, without those that sleep. No index names vt: so claims and heartbeats, which
  -- change nothing else, stay on their page (HOT) and write to no index. pgmq's own index on vt would spoil that, and
  -- nothing here reads by it. Values are compared as jsonb, since a cast would refuse what anybody sent by hand.
  execute format(
    'create index if not exists %I on pgmq.%I ((message ->> ''stage''), (coalesce(message -> ''rank'', ''0''::jsonb)), msg_id) where not message ? ''asleep''',
    'q_' || p_queue || '_rank_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I ((message -> ''asleep'')) where message ? ''asleep''',
    'q_' || p_queue || '_wake_idx', 'q_' || p_queue);
  execute format(
    'create index if not exists %I on pgmq.%I ((message ->> ''lane''), (message -> ''rank''), msg_id) where message ? ''lane''',
    'q_' || p_queue || '_lane_idx', 'q_' || p_queue);
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_vt_idx');
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_claim_idx');
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_order_idx');
  execute format('drop index if exists pgmq.%I', 'q_' || p_queue || '_asleep_idx');
  execute format('alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200)', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'q_' || p_queue);
  execute format('alter table pgmq.%I enable row level security', 'a_' || p_queue);
  perform pipeline.write_pipeline_functions();
end;
$$;

revoke execute on function pipeline.add_pipeline(text, text) from public, anon, authenticated;
$file$),
('object', 'engine/admit_waiting.sql', 'e3da974c5b71b588c76f06fd23a4ebb1dca40ce8c7a8e8cb75e3e69bd6f5f66c', array['function pipeline.admit_waiting(text, text)'], $file$-- Lets those who wait for a lane go on while it has room, the first in line first; how many. The caller holds the lane's lock.
create or replace function pipeline.admit_waiting(p_pipeline text, p_lane text)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_queue text := pipeline.queue_of(p_pipeline);
  v_message pipeline.message;
  v_job pipeline.jobs;
  v_size integer;
  v_count integer := 0;
begin
  loop
    v_message := pipeline.next_in_lane(v_queue, p_lane);
    exit when v_message.msg_id is null;
    select * into v_job from pipeline.jobs as j where j.pipeline = p_pipeline and j.id::text = v_message.message ->> 'job_id';
    select l.size into v_size from pipeline.lane_of(split_part(p_lane, ':', 1), v_job) as l;
    exit when v_job.id is not null and not pipeline.enter_lane(p_lane, coalesce(v_size, 1), p_pipeline, v_job.id);
    perform pipeline.set_message(v_queue, v_message.msg_id, v_message.message - 'asleep' - 'lane', v_now);
    update pipeline.job_stages as s set available_at = v_now
    where s.pipeline = p_pipeline and s.job_id = v_job.id and s.stage = v_message.message ->> 'stage' and s.status = 'queued';
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.admit_waiting(text, text) from public, anon, authenticated;
$file$),
('object', 'engine/adopt_message.sql', '422bafbc3624b5a51f7a042a72e7f3d8096bc968b94351e89e76bfdd6aff4fae', array['function pipeline.adopt_message(text, uuid, text, pipeline.message, integer)'], $file$-- Makes the stage row of a message that was sent by hand, with pgmq.send.
create or replace function pipeline.adopt_message(
  p_pipeline text, p_job_id uuid, p_stage text, p_message pipeline.message, p_visibility_seconds integer
)
returns pipeline.job_stages
language sql
set search_path = ''
as $$
  insert into pipeline.job_stages (
    pipeline, job_id, stage, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
    priority, visibility_timeout_seconds)
  select p_pipeline, p_job_id, p_stage, p_message.msg_id,
    coalesce(c.max_attempts, 5), coalesce(c.retry_delay_seconds, 10), coalesce(c.max_retry_delay_seconds, 900),
    case when jsonb_typeof(p_message.message -> 'priority') = 'number' then (p_message.message ->> 'priority')::numeric::integer else 0 end,
    p_visibility_seconds
  from (select) as one
  left join pipeline.stage_config as c on c.pipeline = p_pipeline and c.stage = p_stage
  returning *;
$$;

revoke execute on function pipeline.adopt_message(text, uuid, text, pipeline.message, integer) from public, anon, authenticated;
$file$),
('object', 'engine/bury.sql', '0189b28a1db6782438476f0356f993390f0cf278198464f03a8d0cdb26f7e5cf', array['function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer)'], $file$-- Ends a message as a dead letter: the letter, the failed stage and job, the event; the message goes. p_job_id may be null
-- (a message that names no job). What p_details does not say stays as it was recorded.
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
  v_user_id uuid;
  v_details jsonb;
  v_id bigint;
begin
  select j.user_id, coalesce(case when p_details ? 'message' then p_details end, d.error, s.last_error, p_details)
  into v_user_id, v_details
  from pipeline.jobs as j
  left join pipeline.job_stages as s on s.pipeline = j.pipeline and s.job_id = j.id and s.stage = p_stage
  left join pipeline.error_details as d on d.pipeline = j.pipeline and d.job_id = j.id and d.stage = p_stage
  where j.pipeline = p_pipeline and j.id = p_job_id;

  insert into pipeline.dead_letters (
    pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at
  ) values (
    p_pipeline, p_queue, p_msg_id, p_job_id, p_stage, coalesce(p_message, '{}'::jsonb), p_reason,
    coalesce(v_details, p_details), coalesce(p_attempt_count, 0), v_now
  ) returning id into v_id;
  perform pipeline.delete_message(p_queue, p_msg_id);

  update pipeline.job_stages
  set status = 'failed', finished_at = v_now, lease_expires_at = null, next_retry_at = null, silent_count = 0,
      last_error = pipeline.visible_error(v_details, v_user_id),
      dead_lettered_at = v_now, dead_letter_reason = p_reason
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;

  update pipeline.jobs
  set status = 'failed', last_failed_at = v_now, last_dead_letter_at = v_now,
      error = jsonb_build_object('stage', p_stage, 'reason', p_reason)
        || coalesce(pipeline.visible_error(v_details, v_user_id), '{}'::jsonb)
  where pipeline = p_pipeline and id = p_job_id and status in ('queued', 'processing');
  if found then
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'dead_lettered', format('%s dead-lettered: %s', p_stage, p_reason),
      jsonb_build_object('dead_letter_id', v_id, 'msg_id', p_msg_id, 'attempt', p_attempt_count, 'reason', p_reason));
    perform pipeline.tell_hook(p_pipeline, p_job_id, p_stage, 'dead_lettered',
      coalesce(v_details, '{}'::jsonb) || jsonb_build_object('reason', p_reason));
  end if;
  return v_id;
end;
$$;

revoke execute on function pipeline.bury(text, text, bigint, jsonb, uuid, text, text, jsonb, integer) from public, anon, authenticated;
$file$),
('object', 'engine/claim_stage.sql', 'd40bd17927e9b85dae8bb8a3133a1e7fe27cab8d5c77ddb2a300845c54408e6c', array['function public.claim_stage(text, text, integer)'], $file$-- The next message of a stage, claimed; null when there is none or the stage is full.
create or replace function public.claim_stage(p_pipeline text, p_stage text, p_visibility_seconds integer default null)
returns jsonb
language sql
security definer
set search_path = ''
as $$
  select public.claim_stages(p_pipeline, p_stage, p_visibility_seconds, 1) -> 0;
$$;

revoke execute on function public.claim_stage(text, text, integer) from public, anon, authenticated;
$file$),
('object', 'engine/claim_stages.sql', 'c66e75cfc9a39eed773f1546470db9934454c3a25570ed4d1c4423e30b4de7fa', array['function public.claim_stages(text, text, integer, integer)'], $file$-- Claims up to p_count next messages of a stage and starts their attempts; honours max_concurrency here, so that no number
-- of doorbells can exceed it. An empty array: nothing to do, or the stage is full or paused.
create or replace function public.claim_stages(
  p_pipeline text, p_stage text, p_visibility_seconds integer default null, p_count integer default 1
)
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
  v_free integer;
  v_now timestamptz;
  v_claims jsonb := '[]'::jsonb;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if not found then
    raise exception 'pipeline % has no stage %', p_pipeline, p_stage using errcode = '22023';
  end if;
  if not v_config.enabled then
    return v_claims;
  end if;
  v_visibility := greatest(coalesce(p_visibility_seconds, v_config.visibility_seconds), 1);

  -- Two claims of one stage must not both count the same free slot.
  perform pg_advisory_xact_lock(hashtextextended('claim:' || p_pipeline || ':' || p_stage, 0));
  v_free := v_config.max_concurrency - pipeline.count_running(p_pipeline, p_stage, pipeline.now());

  while v_free > 0 and jsonb_array_length(v_claims) < p_count loop
    v_lease := pipeline.take_message(p_pipeline, v_config.queue, p_stage, v_visibility);
    exit when v_lease.msg_id is null;
    if v_lease.job_id is null then
      v_claims := v_claims || jsonb_build_object('msg_id', v_lease.msg_id, 'job_id', null);
      continue;
    end if;
    v_now := pipeline.now();
    v_stage := pipeline.mark_started(p_pipeline, v_lease.job_id, p_stage, v_lease.msg_id, v_lease.read_ct,
      v_now + make_interval(secs => v_visibility), v_now);
    v_free := v_free - 1;
    if v_config.hook is not null then
      perform pipeline.tell_hook(p_pipeline, v_lease.job_id, p_stage, 'started',
        jsonb_build_object('lease_expires_at', v_stage.lease_expires_at));
    end if;
    v_claims := v_claims || jsonb_build_object(
      'msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'job_id', v_lease.job_id, 'stage', p_stage,
      'payload', v_lease.message -> 'payload', 'priority', v_stage.priority,
      'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
      'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
      'visibility_seconds', v_visibility,
      'enqueued_at', v_stage.queued_at, 'traceparent', v_lease.message -> 'traceparent');
  end loop;
  return v_claims;
end;
$$;

revoke execute on function public.claim_stages(text, text, integer, integer) from public, anon, authenticated;
$file$),
('object', 'engine/close_job.sql', '0c30e667c40c2ffe5024293698e1943138b52e95ebd6a38298ef195c4d4c4de2', array['function pipeline.close_job()'], $file$-- What ends with a job, whoever ends it: the next of each of its lanes goes on, and a parent with no other open child is
-- woken.
create or replace function pipeline.close_job()
returns trigger
language plpgsql
security definer -- a step-by-step worker ends a job by updating its row
set search_path = ''
as $$
declare
  v_lane text;
  v_parent record;
begin
  delete from pipeline.job_shares as s where s.pipeline = new.pipeline and s.job_id = new.id;
  for v_lane in
    select h.lane from pipeline.lane_holders as h where h.pipeline = new.pipeline and h.job_id = new.id order by h.lane
  loop
    perform pg_advisory_xact_lock(hashtextextended('lane:' || v_lane, 0));
    delete from pipeline.lane_holders as h where h.lane = v_lane and h.job_id = new.id;
    perform pipeline.admit_waiting(new.pipeline, v_lane);
  end loop;
  if new.parent_id is not null then
    -- With the parent's message in hand two last children cannot each take the other for open.
    for v_parent in
      select s.stage, pipeline.lock_own_message(pipeline.queue_of(new.parent_pipeline), s.msg_id, s.job_id, s.stage)
      from pipeline.job_stages as s
      where s.pipeline = new.parent_pipeline and s.job_id = new.parent_id and s.status in ('queued', 'processing')
    loop
      if not exists (select from pipeline.jobs as j where j.parent_id = new.parent_id and j.is_open) then
        perform pipeline.wake_stage(new.parent_pipeline, new.parent_id, v_parent.stage);
      end if;
    end loop;
  end if;
  return null;
end;
$$;

revoke execute on function pipeline.close_job() from public, anon, authenticated;
$file$),
('object', 'engine/commit_and_claim.sql', '10a7540071a131d9c5e59581360c0785f6211f0cee98199a485320057f28f193', array['function public.commit_and_claim(text, text, bigint, integer, jsonb, integer)'], $file$-- Commits a stage and claims its next message, in one call: {…the commit's answer, claim}. What the stage commits is
-- commit_<stage>'s, or commit_stage's where the pipeline has none.
create or replace function public.commit_and_claim(
  p_pipeline text, p_stage text, p_msg_id bigint, p_read_ct integer, p_output jsonb, p_visibility_seconds integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
  v_answer jsonb;
begin
  if to_regproc('public.commit_' || p_stage) is not null and p_stage ~ '^[a-z_]+$' then
    execute format('select public.%I($1, $2, $3)', 'commit_' || p_stage) into v_answer using p_msg_id, p_read_ct, p_output;
  else
    v_answer := public.commit_stage(p_pipeline, p_msg_id, p_read_ct, p_output);
  end if;
  return v_answer || jsonb_build_object('claim', public.claim_stages(p_pipeline, p_stage, p_visibility_seconds, 1) -> 0);
end;
$$;

revoke execute on function public.commit_and_claim(text, text, bigint, integer, jsonb, integer) from public, anon, authenticated;
$file$),
('object', 'engine/commit_stage.sql', 'b15ffc16324ac15861dd06d63ab32d5bce926d412fea0d14d35dfa4fa6b43712', array['function public.commit_stage(text, bigint, integer, jsonb)'], $file$-- Commits a stage that has no output tables of its own: its facts go on in the payload. For pipelines whose workers
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
$file$),
('object', 'engine/defer_stage.sql', 'cdf76ed1fd203740b0ae893376de7866a1d69e8987c02c516d61e7df457f0409', array['function public.defer_stage(text, bigint, integer, integer, text, jsonb)'], $file$-- Puts a running stage to sleep without spending its attempt, for p_delay_seconds, or, when that is null, until it is woken
-- (pipeline.wake_stage, or the end of its last open child). p_payload is merged into the message's payload. It does not
-- sleep when what it waits for happened while it ran.
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
  v_until timestamptz := case when p_delay_seconds is null then 'infinity'
    else v_now + make_interval(secs => greatest(p_delay_seconds, 0)) end;
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  update pipeline.job_stages
  set status = 'queued', attempt_count = greatest(attempt_count - 1, 0), lease_expires_at = null, silent_count = 0,
      available_at = case when wake_requested_at is null then v_until else v_now end
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage
  returning available_at into v_until;
  perform pipeline.set_message(v_lease.queue, p_msg_id, pipeline.put_to_sleep(
    v_lease.message || jsonb_build_object('payload',
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || coalesce(p_payload, '{}'::jsonb)), v_until, v_now), v_until);
  update pipeline.jobs set status = 'queued', attempt_count = greatest(attempt_count - 1, 0)
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.tell_hook(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred');
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'deferred',
    coalesce(p_message, format('%s deferred', v_lease.stage)),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds',
      case when v_until < 'infinity' then round(extract(epoch from v_until - v_now)) end));
  return jsonb_build_object('status', 'deferred', 'available_at', v_until);
end;
$$;

revoke execute on function public.defer_stage(text, bigint, integer, integer, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/enter_lane.sql', '0e2bcd06f551b8e6a118d63e4f939b0cce2259b5a7e0471b473f512c59a4b2aa', array['function pipeline.enter_lane(text, integer, text, uuid)'], $file$-- Whether the job may begin a stage with this lane: it holds the lane, or there was room and it does now.
create or replace function pipeline.enter_lane(p_lane text, p_size integer, p_pipeline text, p_job_id uuid)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if exists (select from pipeline.lane_holders as h where h.lane = p_lane and h.job_id = p_job_id) then
    return true;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('lane:' || p_lane, 0));
  if p_size <= (select count(*) from pipeline.lane_holders as h where h.lane = p_lane) then
    return false;
  end if;
  insert into pipeline.lane_holders (lane, pipeline, job_id, held_at) values (p_lane, p_pipeline, p_job_id, pipeline.now());
  return true;
end;
$$;

revoke execute on function pipeline.enter_lane(text, integer, text, uuid) from public, anon, authenticated;
$file$),
('object', 'engine/extend_lease.sql', '1c74bcab47997825eb0569cb67f40ec4b19d484789e67b586d389733fba86e15', array['function public.extend_lease(text, bigint, integer, integer)'], $file$-- Heartbeat: the lease now ends p_seconds from now. False when it is lost or the job was cancelled.
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
$file$),
('object', 'engine/fail_stage.sql', '89e939021c9c5c740239b192a8a9f2bddc0c199cd8d8ded3ce1dfe314237fc45', array['function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text)'], $file$-- Applies what Rust decided about a failed attempt: p_action 'retry' after p_delay_seconds, or 'dead_letter'
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
  v_error jsonb := pipeline.visible_error(p_error, v_lease.user_id);
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

  perform pipeline.keep_error(p_pipeline, v_lease.job_id, v_lease.stage, p_error);
  perform pipeline.set_message(v_lease.queue, p_msg_id,
    pipeline.put_to_sleep(v_lease.message, v_now + v_delay, v_now), v_now + v_delay);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, last_error = v_error, silent_count = 0,
      available_at = v_now + v_delay, next_retry_at = v_now + v_delay
  where pipeline = p_pipeline and job_id = v_lease.job_id and stage = v_lease.stage;
  update pipeline.jobs set status = 'queued', last_failed_at = v_now
  where pipeline = p_pipeline and id = v_lease.job_id;
  perform pipeline.tell_hook(p_pipeline, v_lease.job_id, v_lease.stage, 'retry',
    coalesce(p_error, '{}'::jsonb) || jsonb_build_object('delay_seconds', extract(epoch from v_delay)));
  perform pipeline.log_event(p_pipeline, v_lease.job_id, v_lease.stage, 'retry_scheduled',
    format('%s failed, retry scheduled: %s', v_lease.stage, coalesce(v_error ->> 'message', p_reason)),
    jsonb_build_object('attempt', v_lease.attempt_count, 'msg_id', p_msg_id, 'reason', p_reason, 'error', v_error,
      'delay_seconds', round(extract(epoch from v_delay), 1),
      'duration_ms', round(extract(epoch from v_now - v_lease.started_at) * 1000)));
  return jsonb_build_object('status', 'retry_scheduled', 'next_retry_at', v_now + v_delay);
end;
$$;

revoke execute on function public.fail_stage(text, bigint, integer, jsonb, text, numeric, text) from public, anon, authenticated;
$file$),
('object', 'engine/finish_stage.sql', '365bcef109ff2648542dcc7a8b263821b64630c3cad2fd33934fd7cf0b7e227f', array['function pipeline.finish_stage(pipeline.lease, jsonb, jsonb, boolean)'], $file$-- Finishes a stage: hands its facts on, records it, and sends the next stage's message (or completes the job)
-- as it takes the old one away. p_is_last: what would follow has nothing to do for this job. The caller has checked the lease and written the stage's output rows.
create or replace function pipeline.finish_stage(
  p_lease pipeline.lease,
  p_facts jsonb default '{}'::jsonb,
  p_result jsonb default null,
  p_is_last boolean default false
)
returns jsonb
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := pipeline.now();
  v_facts jsonb := coalesce(p_facts, '{}'::jsonb);
  -- 'progress' is the stage's own note from one invocation to the next.
  v_payload jsonb := (coalesce(p_lease.message -> 'payload', '{}'::jsonb) - 'progress') || v_facts;
  v_priority integer := coalesce((p_lease.message ->> 'priority')::integer, 0);
  v_next text;
  v_msg_id bigint;
  v_created_at timestamptz;
begin
  select c.next_stage into v_next from pipeline.stage_config as c
  where c.pipeline = p_lease.pipeline and c.stage = p_lease.stage and not p_is_last;
  if v_next is not null then
    if p_result is not null then
      update pipeline.jobs set result = p_result where pipeline = p_lease.pipeline and id = p_lease.job_id;
    end if;
    v_msg_id := pipeline.queue_stage(p_lease.pipeline, p_lease.job_id, v_next, v_payload, v_priority, '0',
      (p_lease.message ->> 'rank')::bigint, false);
    v_facts := v_facts || jsonb_build_object('next_stage', v_next, 'next_msg_id', v_msg_id, 'priority', v_priority);
  end if;
  v_msg_id := pipeline.mark_completed(p_lease, v_payload, v_facts, v_now);
  if v_next is null then
    update pipeline.jobs
    set status = 'completed', completed_at = v_now, last_completed_at = v_now, error = null,
        result = coalesce(p_result, result, v_payload)
    where pipeline = p_lease.pipeline and id = p_lease.job_id
    returning created_at into v_created_at;
    perform pipeline.add_event(p_lease.pipeline, p_lease.job_id, null, 'job_completed', 'job completed',
      jsonb_build_object('duration_ms', round(extract(epoch from v_now - v_created_at) * 1000)), v_now);
  end if;
  return jsonb_build_object('status', 'committed', 'job_id', p_lease.job_id, 'next_stage', v_next);
end;
$$;

revoke execute on function pipeline.finish_stage(pipeline.lease, jsonb, jsonb, boolean) from public, anon, authenticated;
$file$),
('object', 'engine/guard_job.sql', 'c43c49ddb09c6fbef053db7c49096923d0abfa428484b1dbce1041c08226e499', array['function pipeline.guard_job()'], $file$-- What a job's row may become, whoever writes it: final states have one door out, replay, and a job that ends has a time.
create or replace function pipeline.guard_job()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.status <> old.status then
    if old.status in ('completed', 'failed', 'cancelled') and coalesce(current_setting('pageperfect.replays', true), '') <> 'on' then
      raise exception 'job % is %, which only a replay changes', old.id, old.status
        using errcode = '55000', hint = 'select public.replay_dead_letter(…)';
    end if;
    if new.status = 'completed' then
      new.completed_at := coalesce(new.completed_at, pipeline.now());
      new.last_completed_at := coalesce(new.last_completed_at, new.completed_at);
    elsif new.status = 'cancelled' then
      new.cancelled_at := coalesce(new.cancelled_at, pipeline.now());
    elsif new.status = 'failed' then
      new.last_failed_at := coalesce(new.last_failed_at, pipeline.now());
    end if;
  end if;
  new.updated_at := now();
  return new;
end;
$$;

revoke execute on function pipeline.guard_job() from public, anon, authenticated;
$file$),
('object', 'engine/insert_event.sql', 'b19596302f2119725df923a6c6e77d7a59a1ff8dbef1f160c7e6d9a53d484a8c', array['function public.insert_event(text, uuid, text, text, text, jsonb)'], $file$-- Inserts an event; job_id may be null.
create or replace function public.insert_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns bigint
language sql
security definer
set search_path = ''
as $$
  select pipeline.add_event(p_pipeline, p_job_id, p_stage, p_status, p_message, p_metadata, pipeline.now());
$$;

revoke execute on function public.insert_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/job.sql', '2f2e2f03a356c78ddcb224ed294660de0a913408d98eee60afac31e38d19186d', array['function pipeline.job(text, uuid)'], $file$-- A job as its stages see it. Raises P0002 when there is none.
create or replace function pipeline.job(p_pipeline text, p_job_id uuid)
returns pipeline.jobs
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, p_pipeline using errcode = 'P0002';
  end if;
  return v_job;
end;
$$;

revoke execute on function pipeline.job(text, uuid) from public, anon, authenticated;
$file$),
('object', 'engine/keep_error.sql', 'efb1dd9dde42192c48348aff3bd085767c204e092c9acbda9b3ea703604d01e3', array['function pipeline.keep_error(text, uuid, text, jsonb)'], $file$-- Keeps a stage's last error in full, for the service.
create or replace function pipeline.keep_error(p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb)
returns void
language sql
set search_path = ''
as $$
  insert into pipeline.error_details (pipeline, job_id, stage, error)
  select p_pipeline, p_job_id, p_stage, p_error where p_error is not null
  on conflict (job_id, stage, pipeline) do update set error = excluded.error;
$$;

revoke execute on function pipeline.keep_error(text, uuid, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/lane_of.sql', 'd8a188940709869b090b50508ab835c08d5db6d316a86b9cc3364844b2ed2ed9', array['function pipeline.lane_of(text, pipeline.jobs)'], $file$-- The lane that a stage asks of a job, and how many hold it at most; no row when there is none.
create or replace function pipeline.lane_of(p_lane text, p_job pipeline.jobs, out lane text, out size integer)
language plpgsql
stable
set search_path = ''
as $$
begin
  case p_lane
  when 'page' then
    lane := 'page:' || p_job.page_id;
    size := 1;
  when 'host' then
    lane := 'host:' || coalesce(lower(substring(p_job.url from '^[A-Za-z]+://([^/?#]+)')), '');
    size := pipeline.crawls_per_host();
  when 'owner' then
    lane := 'owner:' || p_job.user_id; -- null for the service's own
    size := (select p.max_running_jobs from pipeline.owner_policies as p where p.role = 'user');
  else
    null;
  end case;
end;
$$;

revoke execute on function pipeline.lane_of(text, pipeline.jobs) from public, anon, authenticated;
$file$),
('object', 'engine/lock_commit.sql', 'c52ee1af8f4d0fc270ada3e0f3db9e3640996cfc9afa210232df73b2fece8e78', array['function pipeline.lock_commit(text, text, bigint, integer)'], $file$-- The lease of a commit, refused when it is some other stage's, or the page that the job works on is gone. The page is
-- locked against being deleted; no other job is at work on it, since a job holds its page's lane.
create or replace function pipeline.lock_commit(p_pipeline text, p_stage text, p_msg_id bigint, p_read_ct integer)
returns pipeline.lease
language plpgsql
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' and v_lease.stage <> p_stage then
    raise exception 'message % is of stage %, not %', p_msg_id, v_lease.stage, p_stage using errcode = '22023';
  elsif v_lease.status = 'held' and v_lease.page_id is null and p_pipeline = 'pageperfect' then
    raise exception 'the page of job % is gone', v_lease.job_id using errcode = 'P0002';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_commit(text, text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'engine/lock_lease.sql', '8c15c35fc5771630e6911e4e2288829b3a61f526a8744be386263e9441f4b193', array['function pipeline.lock_lease(text, bigint, integer)'], $file$-- The lease with its rows locked, and whether it still holds. Locks in the one order: message, page, job.
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
  v_job_id uuid;
  v_page_id uuid;
  v_work pipeline.work;
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

  v_job_id := (v_lease.message ->> 'job_id')::uuid;
  v_page_id := pipeline.page_of(p_pipeline, v_job_id);
  if v_page_id is not null then
    -- Whoever deletes a page takes its jobs after it.
    perform 1 from public.pages as p where p.id = v_page_id for key share;
  end if;
  v_work := pipeline.lock_work(p_pipeline, v_job_id, v_lease.message ->> 'stage');
  v_lease.job_id := v_work.job_id;
  v_lease.page_id := v_work.page_id;
  v_lease.user_id := v_work.user_id;
  v_lease.stage := v_work.stage;
  v_lease.attempt_count := v_work.attempt_count;
  v_lease.max_attempts := v_work.max_attempts;
  v_lease.started_at := v_work.started_at;
  if v_work.job_status = 'cancelled' then
    v_lease.status := 'cancelled';
    -- Cancelling takes no message that is held.
    perform pipeline.delete_message(v_lease.queue, p_msg_id);
  elsif v_work.is_open and v_work.stage_status = 'processing' and v_work.msg_id = p_msg_id and v_work.read_ct = p_read_ct then
    v_lease.status := 'held';
  end if;
  return v_lease;
end;
$$;

revoke execute on function pipeline.lock_lease(text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'engine/lock_own_message.sql', '1d9d05841dcb7c59918c1bd8ec3583edc7a3dae74ac5bd97889b0b0e583446b9', array['function pipeline.lock_own_message(text, bigint, uuid, text)'], $file$-- The message that stands for a stage, locked; null when it is gone or the id is another message's, as after a queue
-- was dropped and made again.
create or replace function pipeline.lock_own_message(p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text)
returns pipeline.message
language plpgsql
set search_path = ''
as $$
declare
  v_message pipeline.message;
begin
  if p_msg_id is not null then
    v_message := pipeline.lock_message(p_queue, p_msg_id);
  end if;
  if v_message.message ->> 'job_id' = p_job_id::text and v_message.message ->> 'stage' = p_stage then
    return v_message;
  end if;
  return null;
end;
$$;

revoke execute on function pipeline.lock_own_message(text, bigint, uuid, text) from public, anon, authenticated;
$file$),
('object', 'engine/log_event.sql', '0b773394e43c6a127b66ed3f685becf870efaffec36838260fd33636ffedf781', array['function pipeline.log_event(text, uuid, text, text, text, jsonb)'], $file$create or replace function pipeline.log_event(
  p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb default '{}'::jsonb
)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.add_event(p_pipeline, p_job_id, p_stage, p_status, p_message, p_metadata, pipeline.now());
end;
$$;

revoke execute on function pipeline.log_event(text, uuid, text, text, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/note_silence.sql', '1e7422d8f37b60c7d93805ccece5ce41b572dac52830cbe29b5662e8b44332b1', array['function pipeline.note_silence(text, pipeline.message, pipeline.job_stages)'], $file$-- A running stage whose worker went silent (the caller holds the locks): the second silence in a row ends its message, as
-- do attempts that are used up; otherwise it is queued again. Returns the stage as it is now.
create or replace function pipeline.note_silence(p_queue text, p_message pipeline.message, p_stage pipeline.job_stages)
returns pipeline.job_stages
language plpgsql
set search_path = ''
as $$
declare
  c_most constant integer := 2;
  v_stage pipeline.job_stages := p_stage;
begin
  perform pipeline.log_event(p_stage.pipeline, p_stage.job_id, p_stage.stage, 'lease_expired',
    format('%s: the worker went silent', p_stage.stage),
    jsonb_build_object('attempt', p_stage.attempt_count, 'msg_id', p_stage.msg_id));
  v_stage.silent_count := p_stage.silent_count + 1;
  if v_stage.silent_count >= c_most or p_stage.attempt_count >= p_stage.max_attempts then
    v_stage.status := 'failed';
    perform pipeline.bury(p_stage.pipeline, p_queue, p_message.msg_id, p_message.message, p_stage.job_id, p_stage.stage,
      'worker_died', coalesce(p_stage.last_error, '{}'::jsonb) || jsonb_build_object('code', 'worker_died', 'message', format('%s workers in a row ended without a report', v_stage.silent_count)),
      p_stage.attempt_count);
  else
    v_stage.status := 'queued';
    v_stage.lease_expires_at := null;
    update pipeline.job_stages as s
    set status = 'queued', lease_expires_at = null, available_at = pipeline.now(), silent_count = v_stage.silent_count
    where s.pipeline = p_stage.pipeline and s.job_id = p_stage.job_id and s.stage = p_stage.stage;
    update pipeline.jobs as j set status = 'queued'
    where j.pipeline = p_stage.pipeline and j.id = p_stage.job_id and j.status = 'processing';
  end if;
  return v_stage;
end;
$$;

revoke execute on function pipeline.note_silence(text, pipeline.message, pipeline.job_stages) from public, anon, authenticated;
$file$),
('object', 'engine/now.sql', 'efdf768dfd619b43edd9b182965899881b8f04f97cf5345fb7b011e9d7e06351', array['function pipeline.now()'], $file$-- The engine's clock. Tests set pageperfect.fake_now to travel in time; nothing else does.
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
('object', 'engine/place_job.sql', '529a08b8b255a15376a13be8ce40b1eb5becbea080775b75c8cf3bf46d6e59f3', array['function pipeline.place_job(pipeline.jobs)'], $file$-- A job's place among the owners, given to it when it has none: behind its owner's own of at least its priority, and level
-- with whoever is served least.
create or replace function pipeline.place_job(p_job pipeline.jobs)
returns bigint
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_share bigint;
begin
  select s.share into v_share from pipeline.job_shares as s where s.pipeline = p_job.pipeline and s.job_id = p_job.id;
  if found then
    return v_share;
  elsif p_job.user_id is null then
    select s.share into v_share from pipeline.job_shares as s
    where s.pipeline = p_job.pipeline and s.user_id is null and s.priority >= p_job.priority order by s.share desc limit 1;
  else
    select s.share into v_share from pipeline.job_shares as s
    where s.pipeline = p_job.pipeline and s.user_id = p_job.user_id and s.priority >= p_job.priority order by s.share desc limit 1;
  end if;
  v_share := greatest(v_share + 1, (
    select s.share from pipeline.job_shares as s where s.pipeline = p_job.pipeline order by s.share limit 1), 0);
  insert into pipeline.job_shares (pipeline, job_id, user_id, priority, share)
  values (p_job.pipeline, p_job.id, p_job.user_id, p_job.priority, v_share);
  return v_share;
end;
$$;

revoke execute on function pipeline.place_job(pipeline.jobs) from public, anon, authenticated;
$file$),
('object', 'engine/put_to_sleep.sql', '9438fd79a27103e7aa2905781f4c5854408088a61ccda739637ccb838d10e5fa', array['function pipeline.put_to_sleep(jsonb, timestamptz, timestamptz)'], $file$-- A message that is to be visible at p_visible_at, marked as asleep until then (see write_pipeline_functions); 'infinity'
-- is until somebody wakes it.
create or replace function pipeline.put_to_sleep(p_message jsonb, p_visible_at timestamptz, p_now timestamptz)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case
    when p_visible_at > p_now then p_message || jsonb_build_object('asleep', pipeline.wake_time(p_visible_at))
    else p_message - 'asleep' - 'lane'
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
('object', 'engine/queue_stage.sql', '8c85bc6639caabdc7ab3e1078c9eb77806f108ee9f709b3a75c96acffc20c9d5', array['function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval, bigint, boolean)'], $file$-- Sends the message of a stage and makes the stage row its owner. A message the stage already had loses its standing
-- (claims drop it), but the new one keeps its place in line, and its attempts; a stage that was completed before begins a
-- new turn with fresh ones. A stage whose lane is full waits, at no cost, until there is room.
create or replace function pipeline.queue_stage(
  p_pipeline text,
  p_job_id uuid,
  p_stage text,
  p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0,
  p_delay interval default '0',
  p_rank bigint default null,
  p_is_logged boolean default true
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
  v_job pipeline.jobs;
  v_old pipeline.job_stages;
  v_message jsonb;
  v_lane text;
  v_size integer;
  v_msg_id bigint;
begin
  select * into v_config from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  v_queue := coalesce(v_config.queue, pipeline.queue_of(p_pipeline));

  v_job := pipeline.mark_queued(p_pipeline, p_job_id, p_stage, v_now);
  v_message := jsonb_build_object(
    'job_id', p_job_id, 'stage', p_stage, 'payload', coalesce(p_payload, '{}'::jsonb),
    'priority', coalesce(p_priority, 0),
    'rank', coalesce(p_rank, pipeline.rank_of(pipeline.place_job(v_job), v_job.created_at, p_priority)));
  if v_job.traceparent is not null then
    v_message := v_message || jsonb_build_object('traceparent', v_job.traceparent);
  end if;
  v_old := pipeline.find_stage(p_pipeline, p_job_id, p_stage);
  if v_old.status in ('queued', 'processing') then
    -- Handed on by somebody who does not work this stage. Not locked: messages are locked before jobs.
    v_message := v_message || jsonb_build_object('turn', 1 + coalesce((
      select (m.message ->> 'turn')::integer from pipeline.find_message(v_queue, v_old.msg_id) as m
      where m.message ->> 'job_id' = p_job_id::text), 0));
  end if;
  v_message := pipeline.put_to_sleep(v_message, v_visible_at, v_now);
  if v_config.lane is not null then
    select l.lane, l.size into v_lane, v_size from pipeline.lane_of(v_config.lane, v_job) as l;
    if v_lane is not null and v_size is not null and not pipeline.enter_lane(v_lane, v_size, p_pipeline, p_job_id) then
      v_visible_at := 'infinity';
      v_message := pipeline.put_to_sleep(v_message, v_visible_at, v_now) || jsonb_build_object('lane', v_lane);
    end if;
  end if;
  if v_old.stage is null then
    v_msg_id := pipeline.send_stage(p_pipeline, p_job_id, p_stage, v_message, v_config, v_visible_at, v_now);
  else
    v_msg_id := (pipeline.send_message(v_queue, v_message, v_visible_at)).msg_id;
    update pipeline.job_stages as s
    set status = 'queued', msg_id = v_msg_id, read_ct = null, lease_expires_at = null,
        priority = coalesce(p_priority, 0), available_at = v_visible_at, queued_at = v_now, finished_at = null,
        attempt_count = case when s.status = 'completed' then 0 else s.attempt_count end,
        silent_count = case when s.status = 'completed' then 0 else s.silent_count end
    where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  end if;

  if p_is_logged then
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'queued', format('%s queued', p_stage),
      jsonb_build_object('msg_id', v_msg_id, 'priority', coalesce(p_priority, 0)));
  end if;
  return v_msg_id;
end;
$$;

revoke execute on function pipeline.queue_stage(text, uuid, text, jsonb, integer, interval, bigint, boolean) from public, anon, authenticated;
$file$),
('object', 'engine/rank_of.sql', 'a52db465e8b9b63b87a625df2274198b80c22ed1f99b0640fdb4bf601ef0cf3d', array['function pipeline.rank_of(bigint, timestamptz, integer)'], $file$-- Where a job's messages stand in line, lowest first: by share, so that no owner's many come before another's first; within
-- a share by age, where each point of priority counts as a minute of waiting, so that nothing waits for ever.
create or replace function pipeline.rank_of(p_share bigint, p_created_at timestamptz, p_priority integer)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_share * 10000000000 + (extract(epoch from p_created_at) * 1000)::bigint - 1767225600000
    - coalesce(p_priority, 0) * 60000;
end;
$$;

revoke execute on function pipeline.rank_of(bigint, timestamptz, integer) from public, anon, authenticated;
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
('object', 'engine/reopen_job.sql', '70057bc71ca0fb13a782bdc2aa072fae80584f4bc6b87abe3bed49a84fa87b8c', array['function pipeline.reopen_job(text, uuid)'], $file$-- The one door out of a job's final states: it is queued again with fresh attempts for what it did not complete, and its dead
-- letters count as replayed. The caller queues its stage.
create or replace function pipeline.reopen_job(p_pipeline text, p_job_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('pageperfect.replays', 'on', true);
  update pipeline.jobs set status = 'queued', error = null, completed_at = null, cancelled_at = null
  where pipeline = p_pipeline and id = p_job_id;
  perform set_config('pageperfect.replays', 'off', true);
  update pipeline.job_stages set attempt_count = 0, silent_count = 0, dead_lettered_at = null, dead_letter_reason = null
  where pipeline = p_pipeline and job_id = p_job_id and status <> 'completed';
  update pipeline.dead_letters set replayed_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and replayed_at is null;
end;
$$;

revoke execute on function pipeline.reopen_job(text, uuid) from public, anon, authenticated;
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
('object', 'engine/take_message.sql', '5f1556eff19532ef44972c1457cf7a88018956de60d685affa2e880d45e24116', array['function pipeline.take_message(text, text, text, integer)'], $file$-- Takes one visible message off the queue: of p_stage, or of any stage when that is null. Drops what nobody should work on:
-- messages of finished, cancelled or unknown jobs, messages that another one has replaced; buries those whose workers die
-- without a word. Null when nothing is left. A message that names no job is archived and comes back with job_id null.
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
  v_work pipeline.work;
  v_stage pipeline.job_stages;
  v_woken pipeline.message;
begin
  v_woken := pipeline.wake_messages(p_queue, v_now);
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

    -- Who holds a job without its message may wait for what this transaction holds: the message comes again in a second.
    v_work := pipeline.try_work(p_pipeline, v_lease.job_id, v_lease.stage);
    if v_work.job_id is null then
      if exists (select from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = v_lease.job_id) then
        perform pipeline.set_message(p_queue, v_lease.msg_id, v_lease.message, v_now + interval '1 second');
      else
        perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
          'unknown_job', null, v_lease.read_ct);
      end if;
      continue;
    end if;

    if v_work.stage is null and v_work.is_open then
      v_stage := pipeline.adopt_message(p_pipeline, v_lease.job_id, v_lease.stage, v_message, p_visibility_seconds);
      v_work.attempt_count := v_stage.attempt_count;
      v_work.max_attempts := v_stage.max_attempts;
    elsif not v_work.is_open or v_work.stage_status in ('cancelled', 'failed') or v_work.msg_id is distinct from v_lease.msg_id
      -- Completed step by step, and then the worker died before it queued the next stage: the work is to be done again.
      or (v_work.stage_status = 'completed' and exists (
        select from pipeline.job_stages as o
        where o.pipeline = p_pipeline and o.job_id = v_lease.job_id and o.status in ('queued', 'processing')))
    then
      perform pgmq.archive(p_queue, v_lease.msg_id);
      perform pipeline.log_event(p_pipeline, v_work.job_id, v_lease.stage, 'superseded',
        'message without standing archived', jsonb_build_object('msg_id', v_lease.msg_id));
      continue;
    elsif v_work.stage_status = 'processing' then
      v_stage := pipeline.note_silence(p_queue, v_message, pipeline.find_stage(p_pipeline, v_lease.job_id, v_lease.stage));
      continue when v_stage.status = 'failed';
    elsif v_work.attempt_count >= v_work.max_attempts then
      perform pipeline.bury(p_pipeline, p_queue, v_lease.msg_id, v_lease.message, v_lease.job_id, v_lease.stage,
        'max_attempts_exceeded', null, v_work.attempt_count);
      continue;
    end if;

    v_lease.status := 'held';
    v_lease.page_id := v_work.page_id;
    v_lease.user_id := v_work.user_id;
    v_lease.attempt_count := v_work.attempt_count;
    v_lease.max_attempts := v_work.max_attempts;
    return v_lease;
  end loop;
end;
$$;

revoke execute on function pipeline.take_message(text, text, text, integer) from public, anon, authenticated;
$file$),
('object', 'engine/tell_hook.sql', '93d7ddb902eff8f7726543e7a0155855082cd756a7316b02a38109e0f27abfdd', array['function pipeline.tell_hook(text, uuid, text, text, jsonb)'], $file$-- Tells the stage's hook, if it has one.
create or replace function pipeline.tell_hook(p_pipeline text, p_job_id uuid, p_stage text, p_event text, p_details jsonb default '{}'::jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_hook text;
begin
  select c.hook into v_hook from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if v_hook is not null then
    execute format('select %s($1, $2, $3)', v_hook) using p_job_id, p_event, p_details;
  end if;
end;
$$;

revoke execute on function pipeline.tell_hook(text, uuid, text, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'engine/visible_error.sql', '4af9f74020b31bd89345d7cefc69fb97de889285dfb2747af7edad040ae2b6ce', array['function pipeline.visible_error(jsonb, uuid)'], $file$-- An error as the job's owner may see it: in full for the service's own jobs; users see its code and what that means, since
-- a provider's text may name the project's account and a site's address may be an inner one.
create or replace function pipeline.visible_error(p_error jsonb, p_user_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_user_id is null or p_error is null then
    return p_error;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'code', p_error -> 'code', 'http_status', p_error -> 'http_status', 'retryable', p_error -> 'retryable',
    'message', coalesce(p_error ->> 'meaning', p_error ->> 'code', 'an error that is not known by a code')));
end;
$$;

revoke execute on function pipeline.visible_error(jsonb, uuid) from public, anon, authenticated;
$file$),
('object', 'engine/wake_stage.sql', '745da3953c1dbee625da7cedacff3d10f7568bac7acd1923290d1de3291a3042', array['function pipeline.wake_stage(text, uuid, text)'], $file$-- Wakes a sleeping stage now. One that runs at this moment is told not to sleep at its next defer; one that waits for its
-- lane goes on waiting. Returns whether the stage was there to be woken.
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
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage and s.status in ('queued', 'processing');
  v_message := pipeline.lock_own_message(v_queue, v_msg_id, p_job_id, p_stage);
  if v_message.msg_id is null or v_message.message ? 'lane' then
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
('object', 'engine/wake_time.sql', '2645a4e3419e2866da7fdc784fa3faa2461fc26593aba774e00aa509e33a88ba', array['function pipeline.wake_time(timestamptz)'], $file$-- Time as the key "asleep" of a message says it: milliseconds since 1970, never before the time itself.
create or replace function pipeline.wake_time(p_at timestamptz)
returns bigint
language plpgsql
immutable
set search_path = ''
as $$
begin
  return case when p_at = 'infinity' then 9007199254740991 else ceil(extract(epoch from p_at) * 1000) end;
end;
$$;

revoke execute on function pipeline.wake_time(timestamptz) from public, anon, authenticated;
$file$),
('object', 'engine/write_pipeline_functions.sql', '6c7e69157a6d136ff0f522d984db576a449215299c0227d014a8b75d255ce051', array['function pipeline.write_pipeline_functions()'], $file$-- Writes the functions through which the engine works on messages and on the rows that each transition changes, with one
-- branch a pipeline: static SQL on its own tables, planned once a connection. `execute format` would plan every statement
-- anew, and a statement on the partitioned parents locks and opens all pipelines' tables, at two to three times the cost.
-- Those on messages return the message as it is now (when deleted: as it was), or null when it is gone.
-- Sequential scans are off in them and in the engine's own: a plan made while a queue was nearly empty, when reading it
-- whole is cheapest, would be kept while the queue grows.
--
-- A message that is put back for later carries its time under the key "asleep" (pipeline.put_to_sleep), which keeps it
-- out of the claim index; the first claim after that time removes the key. One that waits for its lane names it under
-- "lane". A message that was delayed without it, by pgmq.send, is served all the same, only slower.
create or replace function pipeline.write_pipeline_functions()
returns void
language plpgsql
set search_path = ''
as $function$
declare
  v_function record;
  v_key text;
  v_result text;
begin
  for v_function in select * from (values
    -- Messages whose time has come are asleep no more.
    ('wake_messages(p_queue text, p_now timestamptz)', $$
      if exists (select from pgmq.%1$I as m where m.message ? 'asleep' and m.message -> 'asleep' <= to_jsonb(pipeline.wake_time(p_now))) then
      update pgmq.%1$I as q set message = q.message - 'asleep'
      where q.msg_id = any (array( -- an array is looked up by key; a join may be planned over the whole queue
        select m.msg_id from pgmq.%1$I as m
        where m.message ? 'asleep' and m.message -> 'asleep' <= to_jsonb(pipeline.wake_time(p_now))
        order by m.message -> 'asleep' limit 50 for update skip locked));
      end if;$$),
    -- The next visible message of a stage, as pgmq.read does: hidden until p_visible_at.
    ('read_message(p_queue text, p_stage text, p_now timestamptz, p_visible_at timestamptz)', $$
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at
      where q.msg_id = (
        select m.msg_id from pgmq.%1$I as m
        where m.message ->> 'stage' = p_stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce(m.message -> 'rank', '0'::jsonb), m.msg_id
        limit 1 for update skip locked)
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- The same over all stages: one step of the index a stage, and of their next messages the one that was handed on least
    -- often, so that nobody's own waits behind what they can only forward.
    ('read_any_message(p_queue text, p_now timestamptz, p_visible_at timestamptz)', $$
      with recursive stages as (
        (select m.message ->> 'stage' as stage from pgmq.%1$I as m where not m.message ? 'asleep' and m.message ->> 'stage' is not null
         order by m.message ->> 'stage' limit 1)
        union all
        select (select m.message ->> 'stage' from pgmq.%1$I as m where not m.message ? 'asleep' and m.message ->> 'stage' > s.stage
                order by m.message ->> 'stage' limit 1)
        from stages as s where s.stage is not null
      )
      select h.msg_id, h.read_ct, h.vt, h.message into v_message
      from stages as s
      cross join lateral (
        select m.* from pgmq.%1$I as m
        where m.message ->> 'stage' = s.stage and m.vt <= p_now and not m.message ? 'asleep'
        order by coalesce(m.message -> 'rank', '0'::jsonb), m.msg_id
        limit 1 for update skip locked) as h
      order by coalesce(h.message -> 'turn', '0'::jsonb), coalesce(h.message -> 'rank', '0'::jsonb), h.msg_id
      limit 1;
      update pgmq.%1$I as q set read_ct = q.read_ct + 1, vt = p_visible_at where q.msg_id = v_message.msg_id
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),
    -- Who waits longest for a lane.
    ('next_in_lane(p_queue text, p_lane text)', $$
      select m.msg_id, m.read_ct, m.vt, m.message into v_message from pgmq.%1$I as m
      where m.message ? 'lane' and m.message ->> 'lane' = p_lane
      order by m.message -> 'rank', m.msg_id limit 1 for update skip locked;$$),
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
      returning q.msg_id, q.read_ct, q.vt, q.message into v_message;$$),

    -- Rows of one job, and of the stage that is worked on. Stages are changed by who has locked their job.
    ('find_stage(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select * into v_stage from public.%3$I as s where s.job_id = p_job_id and s.stage = p_stage;$$),
    ('page_of(p_pipeline text, p_job_id uuid)', $$
      select j.page_id into v_id from public.%2$I as j where j.id = p_job_id;$$),
    ('lock_work(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select j.id, j.status, j.is_open, j.page_id, j.user_id, s.stage, s.status, s.msg_id, s.read_ct, s.attempt_count, s.max_attempts, s.started_at
      into v_work from public.%2$I as j left join public.%3$I as s on s.job_id = j.id and s.stage = p_stage
      where j.id = p_job_id for update of j;$$),
    -- Null as well when somebody else holds the job.
    ('try_work(p_pipeline text, p_job_id uuid, p_stage text)', $$
      select j.id, j.status, j.is_open, j.page_id, j.user_id, s.stage, s.status, s.msg_id, s.read_ct, s.attempt_count, s.max_attempts, s.started_at
      into v_work from public.%2$I as j left join public.%3$I as s on s.job_id = j.id and s.stage = p_stage
      where j.id = p_job_id for update of j skip locked;$$),
    ('count_running(p_pipeline text, p_stage text, p_now timestamptz)', $$
      select count(*) into v_count from public.%3$I as s
      where s.stage = p_stage and s.status = 'processing' and s.lease_expires_at > p_now;$$),

    -- The steps themselves, each in one statement.
    ('add_event(p_pipeline text, p_job_id uuid, p_stage text, p_status text, p_message text, p_metadata jsonb, p_now timestamptz)', $$
      insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
      values (p_pipeline, p_job_id, p_stage, p_status, p_message, coalesce(p_metadata, '{}'::jsonb), p_now)
      returning id into v_count;$$),
    ('mark_queued(p_pipeline text, p_job_id uuid, p_stage text, p_now timestamptz)', $$
      update public.%2$I as j
      set stage = p_stage, status = 'queued', last_queued_at = p_now, first_queued_at = coalesce(first_queued_at, p_now), updated_at = p_now
      where j.id = p_job_id returning * into v_job;$$),
    ('send_stage(p_pipeline text, p_job_id uuid, p_stage text, p_message jsonb, p_config pipeline.stage_config, p_available_at timestamptz, p_now timestamptz)', $$
      with message as (
        insert into pgmq.%1$I (vt, message) values (p_available_at, p_message) returning msg_id
      )
      insert into public.%3$I (
        pipeline, job_id, stage, status, msg_id, max_attempts, retry_delay_seconds, max_retry_delay_seconds,
        priority, visibility_timeout_seconds, available_at, queued_at
      )
      select p_pipeline, p_job_id, p_stage, 'queued', m.msg_id,
        coalesce(p_config.max_attempts, 5), coalesce(p_config.retry_delay_seconds, 10), coalesce(p_config.max_retry_delay_seconds, 900),
        (p_message ->> 'priority')::integer, coalesce(p_config.visibility_seconds, 600), p_available_at, p_now
      from message as m returning msg_id into v_count;$$),
    ('mark_started(p_pipeline text, p_job_id uuid, p_stage text, p_msg_id bigint, p_read_ct integer, p_lease_expires_at timestamptz, p_now timestamptz)', $$
      with started as (
        update public.%3$I
        set status = 'processing', attempt_count = attempt_count + 1, started_at = p_now, finished_at = null,
            read_ct = p_read_ct, lease_expires_at = p_lease_expires_at, next_retry_at = null, wake_requested_at = null
        where job_id = p_job_id and stage = p_stage returning *
      ), job as (
        update public.%2$I
        set status = 'processing', stage = p_stage, attempt_count = attempt_count + 1, last_dequeued_at = p_now, updated_at = p_now
        where id = p_job_id
      ), event as (
        insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
        select p_pipeline, p_job_id, p_stage, 'started', p_stage || ' started',
          jsonb_build_object('attempt', s.attempt_count, 'msg_id', p_msg_id,
            'waited_ms', round(extract(epoch from p_now - greatest(s.queued_at, s.available_at)) * 1000)), p_now
        from started as s
      )
      select * into v_stage from started as s;$$),
    ('mark_completed(p_lease pipeline.lease, p_payload jsonb, p_facts jsonb, p_now timestamptz)', $$
      with payload as (
        insert into public.%5$I (pipeline, job_id, stage, data) values (p_lease.pipeline, p_lease.job_id, p_lease.stage, p_payload)
        on conflict (job_id, stage) do update set data = excluded.data
      ), message as (
        delete from pgmq.%1$I where msg_id = p_lease.msg_id
      ), event as (
        insert into public.%4$I (pipeline, job_id, stage, status, message, metadata, created_at)
        values (p_lease.pipeline, p_lease.job_id, p_lease.stage, 'completed', p_lease.stage || ' completed',
          jsonb_build_object('attempt', p_lease.attempt_count, 'msg_id', p_lease.msg_id,
            'duration_ms', round(extract(epoch from p_now - p_lease.started_at) * 1000)) || p_facts, p_now)
      )
      update public.%3$I
      set status = 'completed', finished_at = p_now, lease_expires_at = null, last_error = null, silent_count = 0
      where job_id = p_lease.job_id and stage = p_lease.stage returning msg_id into v_count;$$)
  ) as f (signature, statements)
  loop
    -- Which of the two names a branch, and what comes back, is to be seen in the text.
    v_key := replace(substring(v_function.signature from '\((\w+)'), 'p_lease', 'p_lease.pipeline');
    v_result := substring(v_function.statements from 'into v_(\w+)');
    execute format(
      $$create or replace function pipeline.%1$s returns %3$s language plpgsql
        set search_path = '' set plan_cache_mode = force_generic_plan set enable_seqscan = off as $body$
        declare
          v_%4$s %3$s;
        begin
          case %5$s%2$s
          else
            raise exception '%% is no pipeline''s', %5$s using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
          end case;
          return v_%4$s;
        end;
        $body$;
        revoke execute on function pipeline.%1$s from public, anon, authenticated$$,
      v_function.signature,
      (select string_agg(
         format(E'\n          when %L then', case v_key when 'p_queue' then p.queue else p.pipeline end)
         || format(v_function.statements, 'q_' || p.queue, p.pipeline || '_jobs', p.pipeline || '_job_stages',
              p.pipeline || '_job_events', p.pipeline || '_payloads'), '' order by p.pipeline)
       from pipeline.pipelines as p),
      case v_result when 'job' then 'pipeline.jobs' when 'stage' then 'pipeline.job_stages' when 'work' then 'pipeline.work'
        when 'id' then 'uuid' when 'count' then 'bigint' else 'pipeline.message' end,
      coalesce(v_result, 'message'), v_key);
  end loop;
end;
$function$;

revoke execute on function pipeline.write_pipeline_functions() from public, anon, authenticated;
$file$),
('object', 'models/announce_model_calls.sql', '80a1b6eaa9c003bbf581da60186af603b7a75af8505cf4c33b588a09f03daac3', array['function public.announce_model_calls(uuid, text, text, text, text, integer, bigint, bigint)'], $file$-- Says as an event of the job what calls to a model it is about to make, and what they will cost by the prices of the day.
create or replace function public.announce_model_calls(
  p_job_id uuid, p_stage text, p_provider text, p_model text, p_purpose text, p_call_count integer, p_input_tokens bigint,
  p_output_tokens bigint
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_cost numeric := pipeline.model_cost(p_provider, p_model, p_input_tokens, p_output_tokens);
  v_facts jsonb := jsonb_build_object('purpose', p_purpose, 'provider', p_provider, 'model', p_model, 'call_count', p_call_count,
    'input_tokens', p_input_tokens, 'output_tokens', p_output_tokens, 'cost_usd', v_cost);
begin
  perform pipeline.log_event('pageperfect', p_job_id, p_stage, 'model_calls_announced',
    format('%s: %s calls to %s, about %s tokens, %s', p_purpose, p_call_count, p_model, p_input_tokens + p_output_tokens,
      coalesce('$' || round(v_cost, 4), 'at an unknown price')), v_facts);
  return v_facts;
end;
$$;

revoke execute on function public.announce_model_calls(uuid, text, text, text, text, integer, bigint, bigint) from public, anon, authenticated;
$file$),
('object', 'models/begin_model_call.sql', '03382f83b85775cebeffc85f2bd262dd753beb2b05d86246a0106ad002fd60a2', array['function public.begin_model_call(text, text, double precision, uuid)'], $file$-- Leave to call a model with about p_tokens tokens: 0, and the call is counted; else the seconds to wait before asking
-- again, and nothing is counted. A call above the size of a bucket is let through when the bucket is full. More than an
-- hour is the rest of a UTC day whose dollars are used up, the project's or those of the job's user (pipeline.owner_policies).
-- What calls under way may cost is counted like what was used; where only they are in the way, the next one waits for them.
create or replace function public.begin_model_call(p_provider text, p_model text, p_tokens double precision, p_job_id uuid default null)
returns double precision
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_wait double precision;
  v_user_id uuid := (select j.user_id from pipeline.jobs as j where j.pipeline in ('pageperfect', 'site') and j.id = p_job_id);
  v_cost numeric := coalesce(pipeline.model_cost(p_provider, p_model, p_tokens::bigint, 0), 0);
begin
  if v_cost > 0 then
    v_wait := pipeline.wait_for_dollars(v_user_id, v_cost);
    if v_wait > 0 then
      return v_wait;
    end if;
  end if;
  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  if not found then
    perform pipeline.note_model_call(p_provider, p_model, p_job_id, v_user_id, v_cost);
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
  perform pipeline.note_model_call(p_provider, p_model, p_job_id, v_user_id, v_cost);
  return 0;
end;
$$;

revoke execute on function public.begin_model_call(text, text, double precision, uuid) from public, anon, authenticated;
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
('object', 'models/embedding_cache_get.sql', 'db558958497ef0b1097e8f0f17f4e15521b1468260a46379ce2f998ff5b1e4a8', array['function public.embedding_cache_get(text, integer, text[])'], $file$-- What the cache holds of p_texts: a JSON array in their order, base64 of the f32s or null.
create or replace function public.embedding_cache_get(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
set enable_seqscan = off -- as in embedding_cache_missing
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
$file$),
('object', 'models/embedding_cache_missing.sql', 'dd05df557824b04d80eac6ede4ebeb9b647ba656b70326f77f7c138c1a01f55e', array['function public.embedding_cache_missing(text, integer, text[])'], $file$-- Which of p_texts the cache lacks: a JSON array of their indexes from 0. Reads no vector.
create or replace function public.embedding_cache_missing(p_model text, p_dimensions integer, p_texts text[])
returns jsonb
language sql
stable
security invoker
set search_path = ''
set enable_seqscan = off -- in a plan kept from when the table was empty all rows are read for each text
as $$
  select coalesce(jsonb_agg(t.ordinality - 1 order by t.ordinality), '[]'::jsonb)
  from unnest(p_texts) with ordinality as t (text, ordinality)
  -- Counted, not joined: see embedding_cache_get.
  where (
    select count(*) from public.embedding_cache as c
    where c.model = p_model and c.dimensions = p_dimensions and c.text_sha256 = sha256(convert_to(t.text, 'UTF8'))
  ) = 0;
$$;

revoke execute on function public.embedding_cache_missing(text, integer, text[]) from public, anon, authenticated;
$file$),
('object', 'models/embedding_cache_put.sql', 'c704f77cedfac3394abbf26d9bbd07e407d26e46f9b52ce0346621ec46e791b9', array['function public.embedding_cache_put(text, integer, text[], text[])'], $file$-- Stores embeddings (base64 of f32s) for texts in the same order; returns how many were new.
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
$file$),
('object', 'models/end_model_call.sql', 'dae4c9a093a37bb5370848c5837514f4597e3ba247b2393d388388948896165b', array['function public.end_model_call(uuid, text, text, text, double precision, jsonb, jsonb, double precision)'], $file$-- What became of a call that begin_model_call let through with p_tokens.
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
  delete from pipeline.model_calls_under_way as c
  where c.id = (select o.id from pipeline.model_calls_under_way as o
    where o.job_id is not distinct from p_job_id and o.provider = p_provider and o.model = p_model order by o.id limit 1);
  insert into public.model_usage as u (pipeline, job_id, stage, provider, model, call_count, input_tokens, output_tokens, cost_usd)
  select j.pipeline, j.id, p_stage, p_provider, p_model, 1, v_input_tokens, v_output_tokens,
    pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens)
  from pipeline.jobs as j
  where p_usage is not null and j.pipeline in ('pageperfect', 'site') and j.id = p_job_id
  on conflict (job_id, stage, provider, model) do update
  set call_count = u.call_count + 1, input_tokens = u.input_tokens + excluded.input_tokens,
      output_tokens = u.output_tokens + excluded.output_tokens, cost_usd = u.cost_usd + excluded.cost_usd;

  if p_usage is not null then
    perform pipeline.count_usage((select j.user_id from pipeline.jobs as j where j.pipeline in ('pageperfect', 'site') and j.id = p_job_id),
      p_usd => pipeline.model_cost(p_provider, p_model, v_input_tokens, v_output_tokens));
  end if;

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
$file$),
('object', 'models/keep_model_usage.sql', 'eccebc3a74d4154bae0e7732142669ca925e7ecff4fbf24ed91d76fa277f42cb', array['function pipeline.keep_model_usage()'], $file$create or replace function pipeline.keep_model_usage()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into public.model_usage_history as h (
    day, stage, provider, model, job_count, call_count, input_tokens, output_tokens, cost_usd, unpriced_count)
  select (u.created_at at time zone 'utc')::date, u.stage, u.provider, u.model, count(*), sum(u.call_count), sum(u.input_tokens), sum(u.output_tokens),
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
('object', 'models/model_metrics.sql', 'fe48f7e847d490666e64a224b35575172e91ed2df0d6e912799ace58fd806220', array['function public.model_metrics()'], $file$-- Figures for monitoring: what models were used in the last 24 hours, and where their limits stand.
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
$file$),
('object', 'models/note_model_call.sql', '6a39a62a13c54d905623b7d88e2db60591e7f8d9a025efb5c09fea6a26766ae6', array['function pipeline.note_model_call(text, text, uuid, uuid, numeric)'], $file$-- A call with a price is under way, until end_model_call or, when its worker dies, for ten minutes.
create or replace function pipeline.note_model_call(p_provider text, p_model text, p_job_id uuid, p_user_id uuid, p_usd numeric)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.model_calls_under_way as c where c.expires_at <= pipeline.now() and p_usd > 0;
  insert into pipeline.model_calls_under_way (provider, model, job_id, user_id, cost_usd, expires_at)
  select p_provider, p_model, p_job_id, p_user_id, p_usd, pipeline.now() + interval '10 minutes' where p_usd > 0;
$$;

revoke execute on function pipeline.note_model_call(text, text, uuid, uuid, numeric) from public, anon, authenticated;
$file$),
('object', 'models/prune_embedding_cache.sql', '4b437a89e8797a14f066b231a5ac1bf59ab3570980a976b02068f87ddc31c570', array['function public.prune_embedding_cache(interval, integer)'], $file$-- Forgets embeddings older than p_after: the largest table, and cheap to fill again. One bounded step; returns its count.
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
$file$),
('object', 'models/wait_for_dollars.sql', 'd783ea8e5125a2e82a7c9d69bbe08948b89fbb30becc90b9d028274aa2df67d8', array['function pipeline.wait_for_dollars(uuid, numeric)'], $file$-- Seconds until a call of p_usd may be made: 0; the rest of the UTC day when a ceiling of the project or of the user is used
-- up; a few when calls under way may use it up. Who gets 0 holds the ceilings' locks until the end of the transaction, so that
-- two calls do not both count the same dollars as free.
create or replace function pipeline.wait_for_dollars(p_user_id uuid, p_usd numeric)
returns double precision
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_owner record;
begin
  for v_owner in
    select case p.role when 'project' then '00000000-0000-0000-0000-000000000000' else p_user_id end as id, p.daily_usd
    from pipeline.owner_policies as p
    where p.daily_usd is not null and (p.role = 'project' or (p.role = 'user' and p_user_id is not null))
    order by p.role desc -- one order of locks, the one that all share last
  loop
    perform pg_advisory_xact_lock(hashtextextended('usd:' || v_owner.id, 0));
    if p_usd + coalesce((select u.cost_usd from pipeline.daily_usage as u
        where u.day = (v_now at time zone 'utc')::date and u.owner_id = v_owner.id), 0) > v_owner.daily_usd then
      return greatest(3601,
        extract(epoch from date_trunc('day', v_now at time zone 'utc') + interval '1 day' - (v_now at time zone 'utc')));
    elsif p_usd + (
        select coalesce(sum(c.cost_usd), 0) + coalesce((select u.cost_usd from pipeline.daily_usage as u
          where u.day = (v_now at time zone 'utc')::date and u.owner_id = v_owner.id), 0)
        from pipeline.model_calls_under_way as c
        where c.expires_at > v_now and (v_owner.id = '00000000-0000-0000-0000-000000000000' or c.user_id = v_owner.id)) > v_owner.daily_usd then
      return 5;
    end if;
  end loop;
  return 0;
end;
$$;

revoke execute on function pipeline.wait_for_dollars(uuid, numeric) from public, anon, authenticated;
$file$),
('object', 'operations/cancel_job.sql', '6cc52ac8c0204d2a1329e67af04cb4e7eb4fd33c4187982f52357c87ed3920ec', array['function public.cancel_job(text, uuid)'], $file$-- Ends a job wherever it stands. A stage that runs at this moment finds its lease gone and changes nothing.
create or replace function public.cancel_job(p_pipeline text, p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
  v_status text;
  v_stage text;
begin
  -- Messages first: the one order of locks.
  execute format(
    'select from pgmq.%I as q where q.msg_id in (
       select s.msg_id from pipeline.job_stages as s
       where s.pipeline = $1 and s.job_id = $2 and s.status in (''queued'', ''processing'')) for update',
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
       select m.msg_id from pgmq.%1$I as m
       join pipeline.job_stages as s on s.msg_id = m.msg_id and s.stage = m.message ->> ''stage''
       where s.pipeline = $1 and s.job_id = $2 and s.status in (''queued'', ''processing'') and m.message ->> ''job_id'' = $2::text
       for update of m skip locked)',
    'q_' || v_queue) using p_pipeline, p_job_id;
  update pipeline.job_stages
  set status = 'cancelled', lease_expires_at = null, next_retry_at = null, finished_at = pipeline.now()
  where pipeline = p_pipeline and job_id = p_job_id and status in ('queued', 'processing')
  returning stage into v_stage;
  update pipeline.jobs set status = 'cancelled', cancelled_at = pipeline.now()
  where pipeline = p_pipeline and id = p_job_id;
  perform pipeline.log_event(p_pipeline, p_job_id, null, 'cancelled', 'job cancelled');
  perform pipeline.tell_hook(p_pipeline, p_job_id, v_stage, 'cancelled');
  return jsonb_build_object('status', 'cancelled', 'cancelled', true);
end;
$$;

revoke execute on function public.cancel_job(text, uuid) from public, anon, authenticated;
$file$),
('object', 'operations/check_invariants.sql', 'bc9cef357850d57a0807a1b776607a3498ce30a3dcbb12bb3ec799a92b41a598', array['function public.check_invariants()'], $file$-- What must never be: a row here is a defect, or an operator's hand; the reaper mends it. Columns name the rule and the place.
create or replace function public.check_invariants()
returns table (rule text, pipeline text, job_id uuid, detail text)
language sql
stable
security definer
set search_path = ''
as $$
  select case s.kind
      when 'queue' then 'a pipeline has its queue and its indexes'
      when 'message' then 'an open stage has its message on the queue'
      when 'stage' then 'an open job has exactly one open stage'
      when 'closed' then 'a finished job has no open stage'
      when 'letter' then 'a failed job has a dead letter'
      when 'odd' then 'every message can be taken'
      when 'asleep' then 'what sleeps will be woken'
      else 'a lane with room has nobody waiting' end,
    p.pipeline, s.job_id, s.detail
  from pipeline.pipelines as p
  cross join lateral pipeline.stuck(p.pipeline) as s
  union all
  select 'an open job has exactly one open stage', s.pipeline, s.job_id, string_agg(s.stage, ', ')
  from pipeline.job_stages as s
  where s.status in ('queued', 'processing')
  group by s.pipeline, s.job_id having count(*) > 1
  union all
  select 'no lease is older than its expiry by a minute', s.pipeline, s.job_id, format('stage %s expired %s', s.stage, s.lease_expires_at)
  from pipeline.job_stages as s
  where s.status = 'processing' and s.lease_expires_at < pipeline.now() - interval '1 minute'
  union all
  select 'a lane holds no more than its size', h.pipeline, null, h.lane
  from pipeline.lane_holders as h
  where h.lane like 'page:%'
  group by h.pipeline, h.lane having count(*) > 1
  union all
  select 'a completed job has a time', j.pipeline, j.id, j.stage
  from pipeline.jobs as j where j.status = 'completed' and j.completed_at is null;
$$;

revoke execute on function public.check_invariants() from public, anon, authenticated;
$file$),
('object', 'operations/dispatch_plan.sql', 'f4d154e12f76847b5e28950efbbc1b117bd457877f91cb0f9bf23fa0fae11090', array['function public.dispatch_plan(text)'], $file$-- Which workers to invoke now, and how often: what waits, what runs, what the stage's limits allow.
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
$file$),
('object', 'operations/erase_user.sql', '402ca7f75793e3cba6775b378f21a57f7d81e1b112c18e6777e35ba440cad6eb', array['function public.erase_user(uuid)'], $file$-- Erases what a user left: their jobs with all stages, events and payloads, their schedules, their pages with all that hangs on them, the
-- messages and dead letters that name their jobs. What runs at this moment finds its lease gone. What models cost stays, without
-- a name. Deleting a user of Supabase Auth does not do this by itself: call it before. Returns {job_count, page_count}.
create or replace function public.erase_user(p_user_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v record;
  v_jobs integer := 0;
  v_pages integer;
begin
  if p_user_id is null then
    raise exception 'erase_user: which user?' using errcode = '22004';
  end if;
  delete from public.site_schedules as s where s.user_id = p_user_id;
  for v in
    select j.pipeline, j.id, p.queue from pipeline.jobs as j join pipeline.pipelines as p on p.pipeline = j.pipeline
    where j.user_id = p_user_id order by j.id
  loop
    perform public.cancel_job(v.pipeline, v.id);
    execute format('delete from pgmq.%I where message ->> ''job_id'' = $1', 'a_' || v.queue) using v.id::text;
    delete from pipeline.dead_letters as d where d.pipeline = v.pipeline and d.job_id = v.id;
    delete from public.crawl_jobs as c where c.job_id = v.id;
    delete from pipeline.jobs as j where j.pipeline = v.pipeline and j.id = v.id;
    v_jobs := v_jobs + 1;
  end loop;
  delete from public.pages as p where p.owner_id = p_user_id;
  get diagnostics v_pages = row_count;
  return jsonb_build_object('job_count', v_jobs, 'page_count', v_pages);
end;
$$;

revoke execute on function public.erase_user(uuid) from public, anon, authenticated;
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
('object', 'operations/mend_pipelines.sql', '86427532f370d72fa9141d7272cb76b304822c869363d4d39cb512b4b04d979a', array['function public.mend_pipelines(integer)'], $file$-- Mends what pipeline.stuck() finds, each with an event 'mended' that says what was done; returns how many of each.
create or replace function public.mend_pipelines(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline record;
  v record;
  v_now timestamptz := pipeline.now();
  v_job pipeline.jobs;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
  v_payload jsonb;
  v_sent jsonb;
  v_next text;
  v_done text;
  v_counts jsonb := '{"resent_count": 0, "swept_count": 0, "mended_count": 0}'::jsonb;
  v_name text;
  v_event text;
begin
  for v_pipeline in select p.pipeline, p.queue from pipeline.pipelines as p order by p.pipeline loop
    update pipeline.pipelines as p set mended_at = v_now where p.pipeline = v_pipeline.pipeline;
    for v in select * from pipeline.stuck(v_pipeline.pipeline, p_limit) loop
      v_done := null;
      v_name := 'mended_count';
      v_event := 'mended';
      v_job := null;
      v_stage := null;
      if v.kind = 'queue' then
        perform pipeline.add_pipeline(v_pipeline.pipeline, v_pipeline.queue);
        v_done := format('%s was made again', v.detail);
      elsif v.kind = 'odd' then
        v_message := pipeline.lock_message(v_pipeline.queue, v.msg_id);
        continue when v_message.msg_id is null;
        perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, v.msg_id, v_message.message, null, v.stage,
          'unreadable_message', null, v_message.read_ct);
        v_event := 'unreadable';
        v_done := 'a message that nobody would take became a dead letter';
        v_name := 'swept_count';
      elsif v.kind = 'lane' then
        perform pg_advisory_xact_lock(hashtextextended('lane:' || v.detail, 0));
        delete from pipeline.lane_holders as h
        where h.lane = v.detail
          and not exists (select from pipeline.jobs as j where j.pipeline = h.pipeline and j.id = h.job_id and j.is_open);
        if pipeline.admit_waiting(v_pipeline.pipeline, v.detail) > 0 then
          v_done := format('%s: let into its lane', v.stage);
        end if;
      else
        select * into v_job from pipeline.jobs as j
        where j.pipeline = v_pipeline.pipeline and j.id = v.job_id for update skip locked;
        continue when not found; -- somebody is at it
        -- A worker that goes step by step may be just about to.
        continue when v.kind = 'stage'
          and greatest(v_job.last_queued_at, v_job.last_dequeued_at, v_job.last_completed_at) > v_now - interval '1 minute';
        select * into v_stage from pipeline.job_stages as s
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id and s.stage = v.stage;
      end if;
      v_payload := v_job.payload || coalesce(pipeline.latest_payload(v_pipeline.pipeline, v.job_id), '{}'::jsonb);

      case v.kind
      when 'message' then
        -- As it was, when it was only archived.
        execute format('select a.message -> ''payload'' from pgmq.%I as a where a.msg_id = $1 and a.message ->> ''job_id'' = $2',
          'a_' || v_pipeline.queue) into v_sent using v.msg_id, v.job_id::text;
        perform pipeline.queue_stage(v_pipeline.pipeline, v.job_id, v.stage, coalesce(v_sent, v_payload), v_stage.priority);
        v_done := format('%s: its message was lost and is sent again', v.stage);
        v_name := 'resent_count';
      when 'stage' then
        select s.* into v_stage from pipeline.job_stages as s
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id order by s.finished_at desc nulls last limit 1;
        if v_stage.status = 'completed' then
          select c.next_stage into v_next from pipeline.stage_config as c
          where c.pipeline = v_pipeline.pipeline and c.stage = v_stage.stage;
          if not found then
            v_next := nullif(v_job.stage, v_stage.stage);
          end if;
        else
          v_next := v_job.stage;
        end if;
        if v_stage.status in ('failed', 'cancelled') then
          perform pipeline.bury(v_pipeline.pipeline, v_pipeline.queue, null,
            jsonb_build_object('job_id', v.job_id, 'stage', v_stage.stage, 'payload', v_payload, 'priority', v_job.priority),
            v.job_id, v_stage.stage, 'stage_' || v_stage.status, v_stage.last_error, v_stage.attempt_count);
          v_done := format('the job of a %s stage failed with it', v_stage.status);
        elsif v_next is null then
          update pipeline.jobs as j set status = 'completed', result = coalesce(j.result, v_payload)
          where j.pipeline = v_pipeline.pipeline and j.id = v.job_id;
          v_done := 'its last stage was done: the job is completed';
        else
          perform pipeline.queue_stage(v_pipeline.pipeline, v.job_id, v_next, v_payload, v_job.priority);
          v_done := format('%s: nobody had queued it', v_next);
        end if;
      when 'closed' then
        v_message := pipeline.lock_own_message(v_pipeline.queue, v.msg_id, v.job_id, v.stage);
        perform pipeline.delete_message(v_pipeline.queue, v_message.msg_id);
        update pipeline.job_stages as s set status = 'cancelled', lease_expires_at = null, finished_at = v_now
        where s.pipeline = v_pipeline.pipeline and s.job_id = v.job_id and s.stage = v.stage and s.status in ('queued', 'processing');
        v_done := format('%s: ends with its job', v.stage);
      when 'letter' then
        insert into pipeline.dead_letters (pipeline, queue_name, msg_id, job_id, stage, payload, failure_reason, error_details, attempt_count, routed_at)
        values (v_pipeline.pipeline, v_pipeline.queue, v_stage.msg_id, v.job_id, v.stage,
          jsonb_build_object('job_id', v.job_id, 'stage', v.stage, 'payload', v_payload, 'priority', v_job.priority),
          'unknown', coalesce(v_stage.last_error, v_job.error), coalesce(v_stage.attempt_count, 0), v_now);
        v_done := 'a dead letter was missing';
      when 'asleep' then
        if pipeline.wake_stage(v_pipeline.pipeline, v.job_id, v.stage) then
          v_done := format('%s: woken, its children have ended', v.stage);
        end if;
      else
        null;
      end case;
      if v_done is not null then
        perform pipeline.log_event(v_pipeline.pipeline, v.job_id, v.stage, v_event, v_done,
          jsonb_strip_nulls(jsonb_build_object('kind', v.kind, 'msg_id', v.msg_id)));
        v_counts := jsonb_set(v_counts, array[v_name], to_jsonb((v_counts ->> v_name)::integer + 1));
      end if;
    end loop;
  end loop;
  return v_counts || jsonb_build_object('crawl_count', pipeline.submit_crawls(p_limit), 'import_count', pipeline.start_due_imports());
end;
$$;

revoke execute on function public.mend_pipelines(integer) from public, anon, authenticated;
$file$),
('object', 'operations/pipeline_metrics.sql', 'd525cbc0e52a0be9ad3d20cea9791c2dfac33e4ff163fd700dcca72d2e176bdd', array['function public.pipeline_metrics()'], $file$-- The figures of the whole system as one JSON value.
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
$file$),
('object', 'operations/prune.sql', 'e897da418bfdd881c16216262a015e1003e70992d8057af8634edce3d2d006fd', array['function public.prune(interval, interval, interval, integer)'], $file$-- Deletes what has outlived its use: finished jobs with all that belongs to them, dead letters, archived messages. An age of
-- null keeps that kind for ever. Works in bounded steps; repeat while deleted_count > 0.
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
    order by j.created_at
    limit p_limit
    for update skip locked
  )
  delete from pipeline.jobs as j using old where j.pipeline = old.pipeline and j.id = old.id;
  get diagnostics v_jobs = row_count;

  delete from pipeline.dead_letters as d
  using (
    select o.pipeline, o.id from pipeline.dead_letters as o
    where o.replayed_at < v_now - p_completed_after or o.routed_at < v_now - p_failed_after
    order by o.routed_at
    limit p_limit
    for update skip locked
  ) as old
  where d.pipeline = old.pipeline and d.id = old.id;
  get diagnostics v_letters = row_count;

  for v_queue in select p.queue from pipeline.pipelines as p loop
    execute format('delete from pgmq.%1$I where msg_id in (
        select a.msg_id from pgmq.%1$I as a where a.archived_at < $1 order by a.archived_at limit $2 for update skip locked)', 'a_' || v_queue)
      using v_now - p_archive_after, p_limit;
    get diagnostics v_count = row_count;
    v_archived := v_archived + v_count;
  end loop;
  delete from pipeline.daily_usage as u where u.day < (v_now at time zone 'utc')::date - 30;
  return jsonb_build_object('deleted_count', v_jobs + v_letters + v_archived, 'job_count', v_jobs,
    'dead_letter_count', v_letters, 'archived_message_count', v_archived);
end;
$$;

revoke execute on function public.prune(interval, interval, interval, integer) from public, anon, authenticated;
$file$),
('object', 'operations/ready_count.sql', '7ec178ca79a8763de8901e1a8ed62761b1bc13f9db95371e631f58bc50e86743', array['function pipeline.ready_count(text, text, integer)'], $file$-- How many of a stage's messages are visible, counted no further than p_limit: the dispatcher never needs more.
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
          and q.message -> ''asleep'' <= to_jsonb(pipeline.wake_time($2)) limit $3)
       limit $3) as ready', 'q_' || p_queue) into v_count using p_stage, pipeline.now(), p_limit;
  return v_count;
end;
$$;

revoke execute on function pipeline.ready_count(text, text, integer) from public, anon, authenticated;
$file$),
('object', 'operations/reap_expired_leases.sql', 'c760e0ec4a31bebee0fe2a99fbcafc024cfc4a00a2962180387343e3c3f31837', array['function public.reap_expired_leases(integer)'], $file$-- Takes back the stages whose worker went silent. Their messages are visible again by themselves (pgmq's visibility timeout
-- is the lease); this makes the stage rows say so, with an event, and buries those whose workers go silent time after time.
-- Every half minute it also mends what cannot go on by itself (mend_pipelines).
create or replace function public.reap_expired_leases(p_limit integer default 500)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_expired record;
  v_message pipeline.message;
  v_stage pipeline.job_stages;
  v_reaped integer := 0;
  v_buried integer := 0;
  v_mended jsonb := '{}'::jsonb;
begin
  for v_expired in
    select s.pipeline, s.job_id, s.stage, s.msg_id, pipeline.queue_of(s.pipeline) as queue
    from pipeline.job_stages as s
    where s.status = 'processing'
      and coalesce(s.lease_expires_at, s.started_at + make_interval(secs => s.visibility_timeout_seconds)) <= v_now
    order by s.lease_expires_at
    limit p_limit
  loop
    continue when to_regclass(format('pgmq.%I', 'q_' || v_expired.queue)) is null;
    execute format('select q.msg_id, q.read_ct, q.vt, q.message from pgmq.%I as q where q.msg_id = $1 for update skip locked',
      'q_' || v_expired.queue) into v_message using v_expired.msg_id;
    continue when v_message.msg_id is null or v_message.message ->> 'job_id' is distinct from v_expired.job_id::text
      or v_message.message ->> 'stage' is distinct from v_expired.stage; -- held this moment, or lost: mend_pipelines sends it again
    perform 1 from pipeline.jobs as j where j.pipeline = v_expired.pipeline and j.id = v_expired.job_id for update;
    select * into v_stage from pipeline.job_stages as s
    where s.pipeline = v_expired.pipeline and s.job_id = v_expired.job_id and s.stage = v_expired.stage for update;
    -- A heartbeat or a new claim may have come first.
    continue when v_stage.status <> 'processing' or v_stage.lease_expires_at > v_now
      or v_stage.msg_id is distinct from v_expired.msg_id;
    v_stage := pipeline.note_silence(v_expired.queue, v_message, v_stage);
    v_reaped := v_reaped + 1;
    v_buried := v_buried + (v_stage.status = 'failed')::integer;
  end loop;

  -- One caller at a time, and not at every doorbell.
  if exists (select from pipeline.pipelines as p where coalesce(p.mended_at, '-infinity') <= v_now - interval '30 seconds' or p.mended_at > v_now)
    and pg_try_advisory_xact_lock(hashtextextended('mend_pipelines', 0))
  then
    v_mended := public.mend_pipelines(p_limit);
  end if;
  return jsonb_build_object('reaped_count', v_reaped,
    'dead_lettered_count', v_buried + coalesce((v_mended ->> 'swept_count')::integer, 0),
    'resent_count', coalesce((v_mended ->> 'resent_count')::integer, 0)) || v_mended;
end;
$$;

revoke execute on function public.reap_expired_leases(integer) from public, anon, authenticated;
$file$),
('object', 'operations/replay_dead_letter.sql', 'ec286b5e5153af84d7cbbfc0f0d01c4bb0f3832dca35fb914e7f9702873a1e8c', array['function public.replay_dead_letter(text, bigint)'], $file$-- Sends a dead letter's stage back to the queue with the payload it failed with and fresh attempts. Once. A job whose page
-- another one has taken since begins with the first stage that works on the page.
create or replace function public.replay_dead_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_letter pipeline.dead_letters;
  v_job pipeline.jobs;
  v_first text;
  v_stage text;
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
  select * into v_job from pipeline.jobs as j
  where j.pipeline = p_pipeline and j.id = v_letter.job_id and j.status = 'failed' for update;
  if not found or v_letter.stage is null then
    return jsonb_build_object('status', 'not_replayable', 'job_id', v_letter.job_id);
  end if;

  v_stage := v_letter.stage;
  select f.stage into v_first
  from pipeline.stage_config as c
  join pipeline.stage_config as f on f.pipeline = c.pipeline and f.lane = c.lane
  where c.pipeline = p_pipeline and c.stage = v_stage and c.lane = 'page'
  order by f.position limit 1;
  if exists (
    select from pipeline.jobs as o
    join pipeline.job_stages as s on s.pipeline = o.pipeline and s.job_id = o.id
    where o.pipeline = p_pipeline and o.page_id = v_job.page_id and o.id <> v_job.id
      and s.stage = v_first and s.started_at > v_letter.routed_at
  ) then
    v_stage := v_first;
  end if;

  perform pipeline.reopen_job(p_pipeline, v_letter.job_id);
  v_msg_id := pipeline.queue_stage(p_pipeline, v_letter.job_id, v_stage, (v_letter.payload -> 'payload') - 'progress',
    coalesce((v_letter.payload ->> 'priority')::integer, 0));
  perform pipeline.tell_hook(p_pipeline, v_letter.job_id, v_letter.stage, 'replayed');
  perform pipeline.log_event(p_pipeline, v_letter.job_id, v_stage, 'replayed',
    format('%s replayed from dead letter %s', v_stage, p_dead_letter_id),
    jsonb_build_object('dead_letter_id', p_dead_letter_id, 'msg_id', v_msg_id));
  return jsonb_build_object('status', 'replayed', 'job_id', v_letter.job_id, 'msg_id', v_msg_id);
end;
$$;

revoke execute on function public.replay_dead_letter(text, bigint) from public, anon, authenticated;
$file$),
('object', 'operations/replay_dead_letters.sql', 'e49dc573d39c08c136645ff77272f0a136d49e9d985c4c9ae33d1c5ede68a4fa', array['function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer, numeric)'], $file$-- Replays the dead letters that fit the filters (null: any), the oldest first, for about p_seconds; returns how many went
-- back. Repeat it while that is more than none.
create or replace function public.replay_dead_letters(
  p_pipeline text, p_stage text default null, p_reason text default null,
  p_since timestamptz default null, p_until timestamptz default null, p_limit integer default 1000, p_seconds numeric default 4
)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := clock_timestamp() + make_interval(secs => p_seconds::double precision);
  v_id bigint;
  v_count integer := 0;
begin
  for v_id in
    select d.id from pipeline.dead_letters as d
    where d.pipeline = p_pipeline and d.replayed_at is null
      and (p_stage is null or d.stage = p_stage)
      and (p_reason is null or d.failure_reason = p_reason)
      and (p_since is null or d.routed_at >= p_since)
      and (p_until is null or d.routed_at < p_until)
      -- What cannot go back would be looked at again and again.
      and exists (select from pipeline.jobs as j where j.pipeline = d.pipeline and j.id = d.job_id and j.status = 'failed')
    order by d.routed_at
    limit p_limit
  loop
    if public.replay_dead_letter(p_pipeline, v_id) ->> 'status' = 'replayed' then
      v_count := v_count + 1;
    end if;
    exit when clock_timestamp() > v_until;
  end loop;
  return v_count;
end;
$$;

revoke execute on function public.replay_dead_letters(text, text, text, timestamptz, timestamptz, integer, numeric) from public, anon, authenticated;
$file$),
('object', 'operations/stage_metrics.sql', '528fa7578d8b36ebe22674d0854e6184f64ac406de49a1a1d417e57aa8820f12', array['view pipeline.stage_metrics'], $file$-- Backlog, age, running and failing per stage: the dispatcher's GET answers with this.
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
  coalesce(f.failed_count, 0) as failed_count
from pipeline.stage_config as c
left join (
  select
    s.pipeline,
    s.stage,
    count(*) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as ready_count,
    count(*) filter (where s.status = 'queued' and s.available_at > pipeline.now()) as sleeping_count,
    count(*) filter (where s.status = 'processing') as in_flight_count,
    min(s.available_at) filter (where s.status = 'queued' and s.available_at <= pipeline.now()) as oldest_ready_at
  from (
    select w.pipeline, w.stage, w.status, w.available_at from pipeline.job_stages as w where w.status = 'queued'
    union all
    select r.pipeline, r.stage, r.status, r.available_at from pipeline.job_stages as r where r.status = 'processing'
  ) as s -- in two parts, as they are indexed
  group by s.pipeline, s.stage
) as s on s.pipeline = c.pipeline and s.stage = c.stage
left join (
  select d.pipeline, d.stage, count(distinct d.job_id) as failed_count
  from pipeline.dead_letters as d
  where d.replayed_at is null
  group by d.pipeline, d.stage
) as f on f.pipeline = c.pipeline and f.stage = c.stage;
comment on view pipeline.stage_metrics is 'Backlog, oldest age, in flight and failed per stage';

revoke all on pipeline.stage_metrics from public, anon, authenticated, service_role;
grant select on pipeline.stage_metrics to service_role;
$file$),
('object', 'operations/stuck.sql', '4348a463f5ac60670b5f86537606b93e5a2430ac083ecbe108e4b04b04e85e08', array['function pipeline.stuck(text, integer)'], $file$-- What cannot go on by itself, one row a place. check_invariants() names it, mend_pipelines() mends it; `kind` is the way:
--   queue   the queue or its indexes are missing                → made again
--   message an open stage has no message that stands for it     → sent again
--   stage   an open job has no open stage                       → its next stage, or its end
--   closed  a finished job has an open stage                    → the stage ends as well
--   letter  a failed job has no dead letter                     → it gets one, so that it can be replayed
--   odd     a message that nobody would ever take               → a dead letter
--   asleep  a stage sleeps until it is woken, and nobody will   → woken
--   lane    a lane has room and somebody waits for it           → let in
create or replace function pipeline.stuck(p_pipeline text, p_limit integer default 1000)
returns table (kind text, job_id uuid, stage text, msg_id bigint, detail text)
language plpgsql
stable
set search_path = ''
as $$
declare
  v_queue text := pipeline.queue_of(p_pipeline);
begin
  if to_regclass(format('pgmq.%I', 'q_' || v_queue)) is null or to_regclass(format('pgmq.%I', 'q_' || v_queue || '_rank_idx')) is null then
    return query select 'queue', null::uuid, null::text, null::bigint, format('queue %s', v_queue);
    return;
  end if;
  return query execute format($q$
    (select 'message', s.job_id, s.stage, s.msg_id, format('stage %%s %%s, message %%s', s.stage, s.status, s.msg_id)
    from pipeline.job_stages as s
    join pipeline.jobs as j on j.pipeline = s.pipeline and j.id = s.job_id and j.is_open
    left join pgmq.%1$I as q on q.msg_id = s.msg_id
    where s.pipeline = $1 and s.status in ('queued', 'processing') and coalesce(s.lease_expires_at, '-infinity') <= $2
      and (q.msg_id is null or q.message ->> 'job_id' is distinct from s.job_id::text or q.message ->> 'stage' is distinct from s.stage)
    limit $3)
    union all
    (select 'stage', j.id, j.stage, null, format('job %%s at %%s', j.status, j.stage)
    from pipeline.jobs as j
    where j.pipeline = $1 and j.is_open
      and not exists (
        select from pipeline.job_stages as s
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status in ('queued', 'processing'))
      -- What was completed step by step comes back with its message.
      and not exists (
        select from pipeline.job_stages as s join pgmq.%1$I as q on q.msg_id = s.msg_id
        where s.pipeline = j.pipeline and s.job_id = j.id and s.status = 'completed'
          and q.message ->> 'job_id' = s.job_id::text and q.message ->> 'stage' = s.stage)
    limit $3)
    union all
    (select 'closed', j.id, s.stage, s.msg_id, format('job %%s, stage %%s %%s', j.status, s.stage, s.status)
    from pipeline.job_stages as s
    join pipeline.jobs as j on j.pipeline = s.pipeline and j.id = s.job_id
    where s.pipeline = $1 and s.status in ('queued', 'processing') and not j.is_open
    limit $3)
    union all
    (select 'letter', j.id, j.stage, null, j.stage
    from pipeline.jobs as j
    where j.pipeline = $1 and j.status = 'failed'
      and not exists (select from pipeline.dead_letters as d where d.pipeline = j.pipeline and d.job_id = j.id and d.replayed_at is null)
    limit $3)
    union all
    (select 'odd', null, q.message ->> 'stage', q.msg_id, left(coalesce(q.message::text, 'null'), 200)
    from pgmq.%1$I as q
    where case when jsonb_typeof(q.message) is distinct from 'object' then true
        when q.message ? 'asleep' and jsonb_typeof(q.message -> 'asleep') <> 'number' then true
        when q.message ->> 'stage' is null then true
        else q.enqueued_at <= $2 - interval '15 minutes'
          and not exists (select from pipeline.stage_config as c where c.pipeline = $1 and c.stage = q.message ->> 'stage')
          and not exists (select from pipeline.job_stages as s
            where s.pipeline = $1 and s.job_id::text = q.message ->> 'job_id' and s.stage = q.message ->> 'stage') end
    limit $3)
    union all
    (select 'asleep', s.job_id, s.stage, s.msg_id, format('stage %%s of a job without open children', s.stage)
    from pipeline.job_stages as s join pgmq.%1$I as q on q.msg_id = s.msg_id
    where s.pipeline = $1 and s.status = 'queued' and s.available_at = 'infinity' and not q.message ? 'lane'
      and exists (select from pipeline.jobs as j where j.parent_id = s.job_id)
      and not exists (select from pipeline.jobs as j where j.parent_id = s.job_id and j.is_open)
    limit $3)
    union all
    (select distinct on (q.message ->> 'lane') 'lane', (q.message ->> 'job_id')::uuid, q.message ->> 'stage', q.msg_id, q.message ->> 'lane'
    from pgmq.%1$I as q
    left join pipeline.jobs as j on j.pipeline = $1 and j.id::text = q.message ->> 'job_id'
    where q.message ? 'lane'
      and (select count(*) from pipeline.lane_holders as h
        join pipeline.jobs as o on o.pipeline = h.pipeline and o.id = h.job_id and o.is_open
        where h.lane = q.message ->> 'lane')
        < coalesce((select l.size from pipeline.lane_of(split_part(q.message ->> 'lane', ':', 1), j) as l), 1)
    order by q.message ->> 'lane'
    limit $3)
  $q$, 'q_' || v_queue) using p_pipeline, pipeline.now(), p_limit;
end;
$$;

revoke execute on function pipeline.stuck(text, integer) from public, anon, authenticated;
$file$),
('object', 'owners/admit_passages.sql', '24b4233eafe4b49445bdcee55245d1610ef2b5c1a48638cd06330bd4adf95789', array['function public.admit_passages(uuid, uuid, bigint)'], $file$-- Leave to embed p_bytes of text that somebody writes for a job: {model, dimensions} of the job's page, null when a later job has
-- replaced it. For the service (no user), the job's own user, and operators (P0002 and 42501 for others); a user's bytes count into
-- their day (53400 when it has no room).
create or replace function public.admit_passages(p_job_id uuid, p_user_id uuid, p_bytes bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid;
  v_role text := (select m.role from access.members as m where m.user_id = p_user_id);
begin
  select j.user_id into v_owner_id from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found or (p_user_id is not null and v_owner_id is distinct from p_user_id and v_role is null) then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  if p_user_id is not null then
    if v_owner_id is distinct from p_user_id and v_role <> 'operator' then
      raise exception 'only operators of this project may do this' using errcode = '42501';
    end if;
    if exists (
      select from pipeline.owner_policies as p
      join pipeline.daily_usage as u on u.day = (pipeline.now() at time zone 'utc')::date and u.owner_id = p_user_id
      where p.role = 'user' and u.byte_count + p_bytes > p.daily_bytes
    ) then
      raise exception 'your pages, keywords and texts of today are as much as a day may have: go on tomorrow (UTC)'
        using errcode = '53400';
    end if;
    perform pipeline.count_usage(p_user_id, p_bytes => p_bytes);
  end if;
  return (
    select jsonb_build_object('model', e.model, 'dimensions', e.dimensions)
    from public.page_embeddings as e where e.job_id = p_job_id limit 1);
end;
$$;

revoke execute on function public.admit_passages(uuid, uuid, bigint) from public, anon, authenticated;
$file$),
('object', 'owners/check_quota.sql', '68c57551449e1f24277b0362da54353e3deba5b914a0de3f769a17bb538605ee', array['function pipeline.check_quota(uuid, bigint, integer)'], $file$-- What is left of a ceiling of pipeline.owner_policies for a user's next job; raises 53400 with what is used up.
create or replace function pipeline.check_quota(p_user_id uuid, p_bytes bigint, p_keywords integer)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_policy pipeline.owner_policies;
  v_used pipeline.daily_usage;
  v_open integer;
begin
  select * into v_policy from pipeline.owner_policies as p where p.role = 'user';
  select count(*) into v_open from (
    select from pipeline.job_shares as s
    where s.pipeline = 'pageperfect' and s.user_id = p_user_id limit v_policy.max_open_jobs) as s;
  select * into v_used from pipeline.daily_usage as u
  where u.day = (pipeline.now() at time zone 'utc')::date and u.owner_id = p_user_id;
  if v_open >= v_policy.max_open_jobs then
    raise exception 'you have % open jobs, as many as may be open at once: wait until one is done', v_policy.max_open_jobs
      using errcode = '53400';
  elsif p_keywords > v_policy.max_keywords then
    raise exception 'a job may bring % keywords, not %', v_policy.max_keywords, p_keywords using errcode = '54000';
  elsif coalesce(v_used.job_count, 0) >= v_policy.daily_jobs then
    raise exception 'you have started % jobs today, as many as a day may have: go on tomorrow (UTC)', v_policy.daily_jobs
      using errcode = '53400';
  elsif coalesce(v_used.byte_count, 0) + p_bytes > v_policy.daily_bytes then
    raise exception 'your pages and keywords of today come to % MB, as much as a day may have: go on tomorrow (UTC)',
      v_policy.daily_bytes / 1000000 using errcode = '53400';
  end if;
end;
$$;

revoke execute on function pipeline.check_quota(uuid, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'owners/count_usage.sql', '6ada088ec0b71fcf87e332b853744298810f65e393b0a8a9ade30287d94a9744', array['function pipeline.count_usage(uuid, integer, bigint, numeric)'], $file$-- Adds to what an owner used today (UTC), and to the whole project's. The service's own count for the project only.
create or replace function pipeline.count_usage(
  p_user_id uuid, p_jobs integer default 0, p_bytes bigint default 0, p_usd numeric default 0
)
returns void
language sql
set search_path = ''
as $$
  insert into pipeline.daily_usage as u (day, owner_id, job_count, byte_count, cost_usd)
  select (pipeline.now() at time zone 'utc')::date, o.id, p_jobs, coalesce(p_bytes, 0), coalesce(p_usd, 0)
  from unnest(array[p_user_id, '00000000-0000-0000-0000-000000000000'::uuid]) as o (id)
  where o.id is not null
  order by o.id desc -- the row that all share last, and shortest
  on conflict (day, owner_id) do update
  set job_count = u.job_count + excluded.job_count, byte_count = u.byte_count + excluded.byte_count,
      cost_usd = u.cost_usd + excluded.cost_usd;
$$;

revoke execute on function pipeline.count_usage(uuid, integer, bigint, numeric) from public, anon, authenticated;
$file$),
('object', 'pageperfect/analysis_drafts.sql', 'e19a4630aad3b43069151486d05ee10dfc9a5e1c0aacdd89331e0f3f5b58223c', array['function pipeline.analysis_drafts(uuid)'], $file$-- A job's drafts as the result shows them, by the rank of their recommendations.
create or replace function pipeline.analysis_drafts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(d.draft || jsonb_build_object('edit_id', d.recommendation_id, 'form', d.form, 'provider', d.provider,
      'model', d.model, 'coverage_before', d.coverage_before, 'coverage_after', d.coverage_after, 'per_query', d.per_query,
      'attempts', d.attempts, 'closes_gap', d.closes_gap, 'brief', d.brief) order by d.rank), '[]'::jsonb)
  from public.rewrite_drafts as d where d.job_id = p_job_id;
$$;

revoke execute on function pipeline.analysis_drafts(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/analysis_edits.sql', '1584db3d68f265ce31c48baf63d97008c2b554106e4ea94185b9c51031fe2205', array['function pipeline.analysis_edits(uuid, integer)'], $file$-- A page's recommendations as the result shows them: the first p_top that gap_analysis ranked, all when it is
-- null, and the improvements, which p_top does not count.
create or replace function pipeline.analysis_edits(p_page_id uuid, p_top integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', r.id, 'rank', r.rank, 'kind', r.kind, 'topic_id', r.cluster_id,
      'topic_index', k.cluster_index, 'label', r.label, 'priority', r.priority, 'reason', r.reason,
      'open_queries', case when r.open_queries = '{}' then k.queries else r.open_queries end,
      'expected_clicks', r.expected_clicks, 'opportunity', r.opportunity, 'impressions', r.impressions, 'clicks', r.clicks,
      'avg_position', r.avg_position, 'coverage', coalesce(r.coverage, least(greatest(r.best_similarity, 0), 1)),
      'confidence', r.confidence,
      -- Without a place of its own: after the section that comes nearest; the page's title is no such section.
      'place', coalesce(r.place, jsonb_build_object('kind', 'new_section',
        'after_heading', case when cardinality(n.path) > 1 then n.path[cardinality(n.path)] end, 'before_heading', null,
        'parent_heading', n.path[1], 'heading_path', coalesce(to_jsonb(n.path), '[]'::jsonb), 'segment_id', r.best_segment_id,
        'level', 2)),
      'verification', r.verification) order by r.rank), '[]'::jsonb)
  from public.rewrite_recommendations as r
  join public.keyword_clusters as k on k.id = r.cluster_id
  left join lateral (
    select case when e.kind = 'heading' then e.heading_path || e.text else e.heading_path end as path
    from public.page_embeddings as e where e.id = r.best_segment_id) as n on true
  where r.page_id = p_page_id and (p_top is null or r.rank <= p_top or r.kind = 'improve');
$$;

revoke execute on function pipeline.analysis_edits(uuid, integer) from public, anon, authenticated;
$file$),
('object', 'pageperfect/analysis_method.sql', '56d26cbd6781b4a9c495ededff4a9cb931210b06572bd3cf394e3b4be1f37468', array['function pipeline.analysis_method(uuid, jsonb)'], $file$-- How a job's findings were made: what its stages noted in the payload.
create or replace function pipeline.analysis_method(p_page_id uuid, p_payload jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'name', 'cosine', 'model', e.model, 'dimensions', e.dimensions,
    'eps', p_payload -> 'eps', 'min_points', p_payload -> 'min_points', 'max_cluster_size', p_payload -> 'max_cluster_size',
    'threshold', p_payload -> 'threshold', 'unrelated_similarity', null, 'is_exact', p_payload -> 'is_exact',
    'left_out_query_count', coalesce(p_payload -> 'left_out_keyword_count', '0'::jsonb),
    'top', p_payload -> 'top', 'verified_by', p_payload -> 'verified_by')
    || coalesce(p_payload -> 'method', '{}'::jsonb)
  from (select) as one
  left join lateral (
    select e.model, e.dimensions from public.page_embeddings as e where e.page_id = p_page_id limit 1) as e on true;
$$;

revoke execute on function pipeline.analysis_method(uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/commit_advice.sql', 'b46c61b035d0e12d7e5ffc9eb098d06362cad19c0a47ed72e564b374669e4669', array['function pipeline.commit_advice(pipeline.lease, jsonb)'], $file$-- gap_analysis by measured coverage: what each topic is to the page, and what to do about it (crates/advice).
create or replace function pipeline.commit_advice(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.keyword_clusters as k
  set kind = t.kind, coverage = t.coverage, confidence = t.confidence, intent = t.intent, expected_clicks = t.expected_clicks,
      opportunity = t.opportunity, is_gap = t.is_gap, best_segment_id = t.best_segment_id, best_similarity = t.coverage,
      second_segment_id = t.second_segment_id, query_coverage = t.queries, measured = null
  from jsonb_to_recordset(p_output -> 'topics') as t (
    id bigint, kind text, coverage double precision, confidence double precision, intent text, expected_clicks double precision,
    opportunity double precision, is_gap boolean, best_segment_id bigint, second_segment_id bigint, queries jsonb)
  where k.id = t.id and k.page_id = p_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> jsonb_array_length(p_output -> 'topics') then
    -- Another job replaced the topics meanwhile; the retry judges the new ones.
    raise exception 'the topics of page % were replaced while they were judged', p_lease.page_id using errcode = '40001';
  end if;

  delete from public.rewrite_recommendations where page_id = p_lease.page_id;
  insert into public.rewrite_recommendations (
    page_id, job_id, cluster_id, rank, label, kind, priority, reason, open_queries, expected_clicks, opportunity, impressions,
    clicks, avg_position, threshold, coverage, confidence, place, best_segment_id, best_similarity)
  select p_lease.page_id, p_lease.job_id, k.id, e.rank, k.label, e.kind, e.priority, e.reason, e.open_queries, e.expected_clicks,
    e.opportunity, e.impressions::bigint, e.clicks::bigint, e.avg_position, (p_output ->> 'threshold')::double precision,
    e.coverage, e.confidence, e.place, k.best_segment_id, e.coverage
  from jsonb_to_recordset(p_output -> 'edits') as e (
    topic_id bigint, rank integer, kind text, priority text, reason text, open_queries text[], expected_clicks double precision,
    opportunity double precision, impressions numeric, clicks numeric, avg_position double precision,
    coverage double precision, confidence double precision, place jsonb)
  join public.keyword_clusters as k on k.id = e.topic_id and k.page_id = p_lease.page_id;
  perform pipeline.drop_unfinished(p_lease);
  return pipeline.finish_stage(p_lease, jsonb_build_object(
    'gap_count', (select count(*) from jsonb_array_elements(p_output -> 'edits') as e (edit) where e.edit ->> 'kind' <> 'improve'),
    'threshold', p_output -> 'threshold', 'top', p_output -> 'top',
    'method', jsonb_build_object('name', 'calibrated', 'ctr_curve', p_output -> 'ctr_curve', 'period_days', p_output -> 'period_days',
      'target_position', p_output -> 'target_position', 'warnings', coalesce(p_output -> 'warnings', '[]'::jsonb))));
end;
$$;

revoke execute on function pipeline.commit_advice(pipeline.lease, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/commit_gap_analysis.sql', '75418b70d9dfb12b24085f46696cdf1c9546e79af8bf7171dcec16f9a1f26197', array['function public.commit_gap_analysis(bigint, integer, jsonb)'], $file$create or replace function public.commit_gap_analysis(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'gap_analysis', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if p_output ->> 'method' = 'calibrated' then
    return pipeline.commit_advice(v_lease, p_output);
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
$file$),
('object', 'pageperfect/commit_keyword_clustering.sql', '0ece9d0b3ce5de54c54c9f065026b64caaacebd9b6900fc4e4a51524316f445e', array['function public.commit_keyword_clustering(bigint, integer, jsonb)'], $file$create or replace function public.commit_keyword_clustering(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'keyword_clustering', p_msg_id, p_read_ct);
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
    impressions, clicks, avg_position, model, dimensions, centroid, measured, apart)
  select v_lease.page_id, v_lease.job_id, c.cluster_index, c.is_noise, c.label, c.medoid_query, coalesce(c.terms, '{}'), c.queries,
    c.size, c.cohesion, c.impressions::bigint, c.clicks::bigint, c.avg_position,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(c.centroid::extensions.vector, v.vector),
    c.query_coverage, c.kind
  from rows from (jsonb_to_recordset(p_output -> 'clusters') as (
    cluster_index integer, is_noise boolean, label text, medoid_query text, terms text[], queries text[], size integer,
    cohesion double precision, impressions numeric, clicks numeric, avg_position double precision, centroid text,
    query_coverage jsonb, kind text))
    with ordinality as c (
    cluster_index, is_noise, label, medoid_query, terms, queries, size, cohesion, impressions, clicks, avg_position,
    centroid, query_coverage, kind, ordinality)
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
$file$),
('object', 'pageperfect/commit_rewrite_draft.sql', 'db7bce4bee01c21de208d4db5fb45d17447fba289af2b36844b17addf41b8161', array['function public.commit_rewrite_draft(bigint, integer, jsonb)'], $file$-- Takes what a reader and a writer made of the recommendations, and completes the job with its result. p_output:
-- {edits: those that are left, by rank; topics: those that a reader changed; drafts; skipped, reason; verified_by; usage}.
create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'rewrite_draft', p_msg_id, p_read_ct);
  v_count integer;
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.keyword_clusters as k
  set kind = t.kind, coverage = t.coverage, confidence = t.confidence, query_coverage = t.queries,
      opportunity = k.impressions * (1 - t.coverage)
  from jsonb_to_recordset(p_output -> 'topics') as t (
    id bigint, kind text, coverage double precision, confidence double precision, queries jsonb)
  where k.id = t.id and k.page_id = v_lease.page_id;

  if p_output ? 'edits' then
    delete from public.rewrite_recommendations as r
    where r.page_id = v_lease.page_id
      and not exists (select 1 from jsonb_to_recordset(p_output -> 'edits') as d (id bigint) where d.id = r.id);
    -- Out of the way first: the ranks of a page are unique, also between two rows of one update.
    update public.rewrite_recommendations as r set rank = r.rank + 1000000 where r.page_id = v_lease.page_id;
    update public.rewrite_recommendations as r
    set rank = d.rank, kind = d.kind, open_queries = d.open_queries, expected_clicks = d.expected_clicks,
        opportunity = d.opportunity, coverage = d.coverage, confidence = d.confidence, place = d.place,
        verification = nullif(d.verification, 'null')
    from jsonb_to_recordset(p_output -> 'edits') as d (
      id bigint, rank integer, kind text, open_queries text[], expected_clicks double precision, opportunity double precision,
      coverage double precision, confidence double precision, place jsonb, verification jsonb)
    where r.id = d.id and r.page_id = v_lease.page_id;
    get diagnostics v_count = row_count;
    if v_count <> jsonb_array_length(p_output -> 'edits') then
      raise exception 'the recommendations of page % were replaced while they were read', v_lease.page_id
        using errcode = '40001';
    end if;
  end if;

  insert into public.rewrite_drafts (
    page_id, job_id, recommendation_id, label, rank, form, provider, model, draft, prompt_tokens, completion_tokens,
    coverage_before, coverage_after, per_query, attempts, closes_gap, brief)
  select v_lease.page_id, v_lease.job_id, r.id, r.label, r.rank, coalesce(d.form, 'text'), d.provider, d.model, d.draft,
    d.prompt_tokens, d.completion_tokens, d.coverage_before, d.coverage_after, coalesce(d.per_query, '[]'::jsonb),
    coalesce(d.attempts, 1), d.closes_gap, nullif(d.brief, 'null')
  from jsonb_to_recordset(p_output -> 'drafts') as d (
    edit_id bigint, form text, provider text, model text, draft jsonb, prompt_tokens integer, completion_tokens integer,
    coverage_before double precision, coverage_after double precision, per_query jsonb, attempts integer, closes_gap boolean,
    brief jsonb)
  join public.rewrite_recommendations as r on r.id = d.edit_id and r.page_id = v_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> coalesce(jsonb_array_length(p_output -> 'drafts'), 0) then
    raise exception 'the recommendations of page % were replaced while drafts were written', v_lease.page_id
      using errcode = '40001';
  end if;

  perform pipeline.drop_unfinished(v_lease);
  v_facts := pipeline.usage_fact(v_lease, p_output)
    || jsonb_build_object('verified_by', p_output -> 'verified_by', 'draft_count', v_count)
    || case when v_count > 0 then jsonb_build_object('draft_model', p_output -> 'drafts' -> 0 ->> 'model')
       else jsonb_build_object('draft_skipped', coalesce(p_output ->> 'reason', 'no_gaps')) end;
  return pipeline.finish_stage(v_lease, v_facts, (
    select jsonb_object_agg(a.key, a.value)
    from pipeline.pageperfect_analysis(v_lease.job_id, v_lease.page_id, coalesce(v_lease.message -> 'payload', '{}') || v_facts) as a));
end;
$$;

revoke execute on function public.commit_rewrite_draft(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/commit_segment_embed.sql', '753faf971f1a0b1319f43c71f2126f7748b7e49a8004db91669c44e7cfc8d48e', array['function public.commit_segment_embed(bigint, integer, jsonb)'], $file$create or replace function public.commit_segment_embed(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'segment_embed', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.pages
  set title = p_output -> 'page' ->> 'title', description = p_output -> 'page' ->> 'description',
      language = p_output -> 'page' ->> 'language', canonical_url = p_output -> 'page' ->> 'canonical_url',
      published_at = p_output -> 'page' ->> 'published_at',
      facts = coalesce((p_output -> 'page') - array['title', 'description', 'language', 'canonical_url', 'published_at'], '{}')
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
$file$),
('object', 'pageperfect/commit_submit_crawl.sql', 'bdf8da8c044fb896e99bc4b76e4ed8c8888cf7fd3e4f2921dffba69d5d23a05d', array['function public.commit_submit_crawl(bigint, integer, jsonb)'], $file$create or replace function public.commit_submit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'submit_crawl', p_msg_id, p_read_ct);
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
$file$),
('object', 'pageperfect/commit_wait_crawl.sql', 'f543191b49aff8c3b6b3df58e073c6f856728bdb81c9dae33d5b4b4c17aa9fba', array['function public.commit_wait_crawl(bigint, integer, jsonb)'], $file$create or replace function public.commit_wait_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'wait_crawl', p_msg_id, p_read_ct);
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
$file$),
('object', 'pageperfect/create_pageperfect_job.sql', '8b5bbcaeff7d631a0fac33b85db978a3341d56999f2ec173acca619af6e9221f', array['function public.create_pageperfect_job(jsonb, uuid, text)'], $file$-- Creates a job from a checked request (see crates/policy, intake): finds or makes the page, upserts the keywords that
-- came along, queues the first stage. The same idempotency key gives the same job, and raises 23505 when it comes with
-- another request. A user (p_user_id) works on pages of their own and within pipeline.owner_policies: P0002 for another's
-- page_id, 53400 when a ceiling is reached or another request of theirs is under way, 54000 for too many keywords.
create or replace function public.create_pageperfect_job(
  p_request jsonb, p_user_id uuid default null, p_traceparent text default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_policy pipeline.owner_policies;
  v_url text := p_request ->> 'url';
  v_page_id uuid;
  v_priority integer := coalesce((p_request ->> 'priority')::integer, 0);
  v_key text := nullif(p_request ->> 'idempotency_key', '');
  v_keywords jsonb := coalesce(nullif(p_request -> 'keywords', 'null'), '[]');
  v_request jsonb := (p_request - 'idempotency_key' - 'keywords') || jsonb_build_object('keywords', md5(v_keywords::text));
  v_keyword_count integer := 0;
  v_job pipeline.jobs;
  v_payload jsonb;
begin
  -- A caller's key never meets another caller's.
  v_key := coalesce(p_user_id::text, 'service') || ':' || v_key;
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
  if found then
    return pipeline.same_job(v_job, v_request);
  end if;
  select * into v_policy from pipeline.owner_policies as p where p.role = case when p_user_id is null then 'service' else 'user' end;
  if p_user_id is not null then
    -- Two requests that count the same jobs would both pass; and one who sends many large ones at once keeps nobody waiting.
    if not pg_try_advisory_xact_lock(hashtextextended('create_pageperfect_job ' || p_user_id, 0)) then
      raise exception 'another request of yours is being taken in: send them one after the other' using errcode = '53400';
    end if;
    perform pipeline.check_quota(p_user_id, octet_length(v_keywords::text), jsonb_array_length(v_keywords));
  end if;
  v_priority := least(v_priority, v_policy.max_priority);

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
    'premium', v_policy.allows_premium and coalesce((p_request ->> 'premium')::boolean, false),
    'ultra_premium', v_policy.allows_premium and coalesce((p_request ->> 'ultra_premium')::boolean, false),
    'render', v_policy.allows_premium and coalesce((p_request ->> 'render')::boolean, false),
    'generate_draft', coalesce((p_request ->> 'generate_draft')::boolean, true),
    'parameters', coalesce(p_request -> 'parameters', '{}'::jsonb));

  insert into pipeline.jobs (pipeline, url, page_id, user_id, stage, priority, payload, idempotency_key, request, traceparent)
  values ('pageperfect', v_url, v_page_id, p_user_id, 'submit_crawl', v_priority, v_payload, v_key, v_request, p_traceparent)
  on conflict (pipeline, idempotency_key) do nothing
  returning * into v_job;
  if not found then -- the same key, this very moment
    select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.idempotency_key = v_key;
    return pipeline.same_job(v_job, v_request);
  end if;

  if jsonb_array_length(v_keywords) > 0 then
    v_keyword_count := pipeline.put_keywords(v_page_id, v_keywords);
  end if;
  perform pipeline.count_usage(p_user_id, 1, octet_length(v_keywords::text));
  perform pipeline.log_event('pageperfect', v_job.id, null, 'created', 'job created',
    jsonb_build_object('url', v_url, 'priority', v_priority, 'keyword_count', v_keyword_count));
  perform pipeline.queue_stage('pageperfect', v_job.id, 'submit_crawl', v_payload, v_priority);
  return jsonb_build_object('job_id', v_job.id, 'page_id', v_page_id, 'status', 'queued', 'created', true);
end;
$$;

revoke execute on function public.create_pageperfect_job(jsonb, uuid, text) from public, anon, authenticated;
$file$),
('object', 'pageperfect/desk_page.sql', '227e88d785b797c3ced3ec5907a19a7fbed975aa0729cb5dbb62e79c351fb944', array['function pipeline.desk_page(uuid)'], $file$-- A page as drafts for it are asked for (crates/draft, desk).
create or replace function pipeline.desk_page(p_page_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('title', p.title, 'url', p.url, 'language', p.language) from public.pages as p where p.id = p_page_id;
$$;

revoke execute on function pipeline.desk_page(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/desk_segments.sql', '4d448e297a94be0a1af2b14162526c93654c56ca663b7ca569557cbdb5c40f4b', array['function pipeline.desk_segments(uuid)'], $file$-- All of a page in its order, as drafts for it are asked for (crates/draft, desk).
create or replace function pipeline.desk_segments(p_page_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
    order by e.position), '[]'::jsonb)
  from public.page_embeddings as e where e.page_id = p_page_id;
$$;

revoke execute on function pipeline.desk_segments(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/draft_scoring.sql', 'a0ca7674f9c86ba8022e824d683d218a6cbb06cc5992e21b797ecd94a0c5b23f', array['function pipeline.draft_scoring(uuid, double precision)'], $file$-- What drafts for a page are scored beside, which gives the scale: the model that it was embedded with, and what else it is asked; the
-- most asked will do.
create or replace function pipeline.draft_scoring(p_page_id uuid, p_threshold double precision)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object(
    'model', (select e.model from public.page_embeddings as e where e.page_id = p_page_id limit 1),
    'queries', (
      select coalesce(jsonb_agg(jsonb_build_object('query', q.query, 'impressions', q.impressions, 'clicks', q.clicks,
        'position', coalesce(q.position, 0)) order by q.impressions desc, q.query), '[]'::jsonb)
      from (
        select q.query, q.impressions, q.clicks, q.position
        from pipeline.page_topics(p_page_id, p_threshold) as t
        cross join jsonb_to_recordset(t.queries) as q (
          query text, impressions double precision, clicks double precision, position double precision)
        where t.kind not in ('brand', 'navigation', 'unrelated')
        order by q.impressions desc, q.query
        limit 200) as q));
$$;

revoke execute on function pipeline.draft_scoring(uuid, double precision) from public, anon, authenticated;
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
('object', 'pageperfect/get_pageperfect_report.sql', '3af0e189748d7fc455877746e0690b0f1ef9efb093557494ea40f12fec4e6cd6', array['function public.get_pageperfect_report(uuid)'], $file$-- The report of a job at any moment of its life.
create or replace function public.get_pageperfect_report(p_job_id uuid)
returns json
language sql
stable
security definer
set search_path = ''
as $$ select pipeline.pageperfect_report(p_job_id) $$;

revoke execute on function public.get_pageperfect_report(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/get_vectors.sql', '57cc3b5bccdd0ef7075de8e074ff51d1f123e816654c17e133a438e17af5476a', array['function public.get_vectors(text, bigint[])'], $file$-- Vectors of rows of 'page_embeddings' or 'keyword_clusters' in the order of p_ids: base64 of Postgres' binary vectors, one
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
('object', 'pageperfect/input_gap_analysis.sql', '01f0b249b870f826a0fe50f9deeb312f6d5a1c01c166e925a6403fed2797e0a8', array['function public.input_gap_analysis(uuid)'], $file$-- What gap_analysis needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_gap_analysis(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  v_model text;
  v_dimensions integer;
  v_is_measured boolean;
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
  select coalesce(bool_and(k.measured is not null), false) into v_is_measured
  from public.keyword_clusters as k where k.page_id = v_job.page_id;
  -- With method cosine the vectors come in chunks, through get_vectors.
  return jsonb_build_object(
    'method', case when v_is_measured then 'calibrated' else 'cosine' end, 'model', v_model, 'dimensions', v_dimensions,
    'threshold', coalesce((v_parameters ->> 'similarity_threshold')::double precision, 0.7),
    'top', coalesce((v_parameters ->> 'top')::integer, 10),
    -- Only vectors of one model are ever compared.
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind) || case when v_is_measured then jsonb_build_object(
          'heading_path', e.heading_path, 'text', case when e.kind = 'heading' then e.text else '' end) else '{}' end
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e
      where e.page_id = v_job.page_id and e.model = v_model and e.dimensions = v_dimensions))
    || case when v_is_measured then jsonb_build_object(
      'language', (select p.language from public.pages as p where p.id = v_job.page_id),
      -- Of dated rows the days from the first to the last.
      'period_days', coalesce((v_parameters ->> 'period_days')::integer, (
        select max(g.date) - min(g.date) + 1
        from public.gsc_page_query as g
        where g.page_id = (select pipeline.keyword_page_id(v_job.page_id)) and g.date is not null)),
      'topics', (
        select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'label', k.label, 'kind', k.apart, 'queries', k.measured)
          order by k.id), '[]'::jsonb)
        from public.keyword_clusters as k where k.page_id = v_job.page_id))
    else jsonb_build_object('clusters', (
      select coalesce(jsonb_agg(jsonb_build_object('id', k.id, 'is_noise', k.is_noise,
        'impressions', k.impressions, 'avg_position', k.avg_position) order by k.id), '[]'::jsonb)
      from public.keyword_clusters as k where k.page_id = v_job.page_id)) end;
end;
$$;

revoke execute on function public.input_gap_analysis(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/input_keyword_clustering.sql', '28aa3820b92000fd684095c4bd880cb0d3247ffdba338ea15469129af9ad33d2', array['function public.input_keyword_clustering(uuid)'], $file$-- What keyword_clustering needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_keyword_clustering(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
begin
  return (select jsonb_build_object(
    'page_id', v_job.page_id,
    'eps', coalesce((v_parameters ->> 'eps')::double precision, 0.3),
    'min_points', coalesce((v_parameters ->> 'min_points')::integer, 2),
    'max_cluster_size', (v_parameters ->> 'max_cluster_size')::integer,
    'exact', coalesce((v_parameters ->> 'exact')::boolean, false),
    'method', coalesce(v_parameters ->> 'method', 'calibrated'),
    'facts', (
      select jsonb_build_object('url', p.url, 'canonical_url', p.canonical_url, 'title', p.title, 'language', p.language,
        'site_name', to_jsonb(p) #> '{facts,site_name}', 'brand', coalesce(v_parameters -> 'brand', '[]'::jsonb))
      from public.pages as p where p.id = v_job.page_id),
    'segment_model', (select e.model from public.page_embeddings as e where e.page_id = v_job.page_id limit 1),
    -- Their vectors come in chunks, through get_vectors.
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e
      where e.page_id = v_job.page_id and coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'),
    'keywords', coalesce(jsonb_agg(k.keyword order by k.place) filter (where k.place <= pipeline.max_keywords()), '[]'::jsonb),
    'left_out_count', count(*) filter (where k.place > pipeline.max_keywords()))
  from (
    select to_jsonb(k) - 'ordinality' as keyword, k.ordinality as place
    from pipeline.page_keywords(v_job.page_id) with ordinality as k) as k);
end;
$$;

revoke execute on function public.input_keyword_clustering(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/input_rewrite_draft.sql', '36bfc39a7697131fb875c725857bb6f1f936b62bb38dce2ff56c71dd793554af', array['function public.input_rewrite_draft(uuid)'], $file$-- What rewrite_draft needs to begin its work (shapes: docs/architecture.md; crates/draft, desk): the page, the ranked
-- recommendations with those held in reserve, their topics, and the passages that come nearest to each.
create or replace function public.input_rewrite_draft(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
  v_payload jsonb := v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}'::jsonb);
  v_parameters jsonb := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  v_threshold double precision := coalesce((v_payload ->> 'threshold')::double precision, 0.7);
  v_edits jsonb := pipeline.analysis_edits(v_job.page_id, null);
begin
  return (with topics as materialized (select * from pipeline.page_topics(v_job.page_id, v_threshold))
  select jsonb_build_object(
    'generate_draft', coalesce((v_job.payload ->> 'generate_draft')::boolean, true),
    'verify', (v_parameters ->> 'verify')::boolean,
    'scoring', case when coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'
      then pipeline.draft_scoring(v_job.page_id, v_threshold) end,
    'desk', jsonb_build_object(
      'page', pipeline.desk_page(v_job.page_id),
      'segments', pipeline.desk_segments(v_job.page_id),
      'edits', (select coalesce(jsonb_agg(d.edit || jsonb_build_object(
          'nearest', pipeline.nearest_segments(v_job.page_id, (d.edit ->> 'topic_id')::bigint)) order by d.ordinality), '[]'::jsonb)
        from jsonb_array_elements(v_edits) with ordinality as d (edit, ordinality)),
      'topics', (select coalesce(jsonb_agg(to_jsonb(t) order by t.impressions desc, t.id), '[]'::jsonb)
        from topics as t
        where t.id in (select (d.edit ->> 'topic_id')::bigint from jsonb_array_elements(v_edits) as d (edit))),
      'top', coalesce((v_payload ->> 'top')::integer, 10),
      'threshold', v_threshold,
      'draft_count', coalesce((v_parameters ->> 'drafts')::integer, 1),
      'form', coalesce(v_parameters ->> 'draft_form', 'text'))));
end;
$$;

revoke execute on function public.input_rewrite_draft(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/input_segment_embed.sql', '9eb8cc77fd03100237788d1a95d86fa32c9859cc40777c2e15df579e8e0cd9a8', array['function public.input_segment_embed(uuid)'], $file$-- What segment_embed needs to begin its work (shapes: docs/architecture.md).
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
$file$),
('object', 'pageperfect/input_submit_crawl.sql', '946589624fd7605a8beb56e25f70cec30b8b3e130c5427a387611ca6cd213b41', array['function public.input_submit_crawl(uuid)'], $file$-- What submit_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_submit_crawl(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
begin
  return jsonb_build_object('page_id', v_job.page_id) || (
    select jsonb_object_agg(e.key, e.value) from jsonb_each(v_job.payload) as e
    where e.key in ('url', 'premium', 'ultra_premium', 'render'));
end;
$$;

revoke execute on function public.input_submit_crawl(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/input_wait_crawl.sql', '785cf5038bf785c393004990b240eb5e3c41694c2d7928d6029d5a3558d98ab3', array['function public.input_wait_crawl(uuid)'], $file$-- What wait_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_wait_crawl(p_job_id uuid)
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
  return jsonb_build_object(
    'crawl', jsonb_build_object('id', v_crawl.id, 'status', v_crawl.status, 'error', v_crawl.error,
      'html_length', v_crawl.html_length, 'processing_time_ms', v_crawl.processing_time_ms,
      'created_at', v_crawl.created_at),
    -- Only what runs has a time limit; a crawl may wait for its turn as long as it takes.
    'running_seconds', (
      select greatest(extract(epoch from pipeline.now() - s.started_at), 0) from pipeline.job_stages as s
      where s.pipeline = 'fetch' and s.job_id = v_crawl.id and s.status = 'processing'));
end;
$$;

revoke execute on function public.input_wait_crawl(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/keyword_page_id.sql', 'bb16ee9b6a65ab05eba88071570e50706a06a73ca0b0426708a1dac755fb4bf6', array['function pipeline.keyword_page_id(uuid)'], $file$-- The page whose Search Console rows a page is analysed with: itself, or the project's page of its URL when it has none
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
     join pipeline.owner_policies as u on u.role = 'user'
     where p.id = p_page_id and u.shares_search_console
       and not exists (select 1 from public.gsc_page_query as g where g.page_id = p_page_id)),
    p_page_id);
$$;

revoke execute on function pipeline.keyword_page_id(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/load_checkpoint.sql', '8458007b536886fb94996179b8c669f5b876573fc2b57dcccca496689da00da2', array['function public.load_checkpoint(uuid, text, text)'], $file$-- The state that a stage saved for this input, base64; null when there is none.
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
('object', 'pageperfect/nearest_segments.sql', 'd85d46111cab12906f3ec5c32924aa7cc98879bcfb953bf10c008c21594252ca', array['function pipeline.nearest_segments(uuid, bigint)'], $file$-- The segments of a page that come nearest to one of its topics, nearest first: an array of ids.
create or replace function pipeline.nearest_segments(p_page_id uuid, p_topic_id bigint)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(n.id), '[]'::jsonb) from (
    select e.id
    from public.page_embeddings as e
    join public.keyword_clusters as k on k.id = p_topic_id
    where e.page_id = p_page_id and e.model = k.model and e.dimensions = k.dimensions
    order by e.embedding operator(extensions.<=>) k.centroid, e.position
    limit 16) as n;
$$;

revoke execute on function pipeline.nearest_segments(uuid, bigint) from public, anon, authenticated;
$file$),
('object', 'pageperfect/page_keywords.sql', 'f17b99bd7a393575b87cc64fdc8d4fdc200aa7671399e3635feabef150bbb4fd', array['function pipeline.page_keywords(uuid)'], $file$-- A page's queries over all their rows: dated rows summed where there are any, else the undated total. A position that no row
-- knows is null.
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
    sum(r.position * greatest(r.impressions, 1)) / sum(greatest(r.impressions, 1)) filter (where r.position is not null)
  from ranked as r
  where (r.date is not null) = r.is_dated
  group by r.query
  order by 2 desc, 1;
$$;

revoke execute on function pipeline.page_keywords(uuid) from public, anon, authenticated;
$file$),
('object', 'pageperfect/page_topics.sql', '0deeac6c7916f3f2dfe0b022c7f726cfa954e1e47c09f3328e226a191bf068a4', array['function pipeline.page_topics(uuid, double precision)'], $file$-- A page's topics, each a row as the result shows it. Before gap_analysis a topic is what its similarity says.
create or replace function pipeline.page_topics(p_page_id uuid, p_threshold double precision)
returns table (
  id bigint, topic_index integer, label text, kind text, coverage double precision, confidence double precision, intent text,
  impressions bigint, clicks bigint, avg_position double precision, expected_clicks double precision, opportunity double precision,
  best_segment_id bigint, second_segment_id bigint, queries jsonb)
language sql
stable
set search_path = ''
set enable_nestloop = off -- which would go through all keywords for each query
as $$
  with topics as materialized (
    select k.id, k.cluster_index, k.label, k.queries, k.query_coverage, k.confidence, k.intent, k.impressions, k.clicks, k.avg_position,
      k.expected_clicks, k.opportunity, k.best_segment_id, k.second_segment_id,
      coalesce(k.coverage, least(greatest(k.best_similarity, 0), 1), 0) as measure,
      coalesce(k.kind, case
        when coalesce(k.is_gap, true) then 'gap'
        -- The lowest third above the threshold: related, rarely a straight answer.
        when k.best_similarity < p_threshold + (1 - p_threshold) / 3 then 'partly'
        else 'answered' end) as verdict
    from public.keyword_clusters as k where k.page_id = p_page_id
  ), unmeasured as (
    select t.id, jsonb_agg(jsonb_build_object('query', q.query, 'variants', '[]'::jsonb, 'impressions', coalesce(w.impressions, 0),
        'clicks', coalesce(w.clicks, 0), 'position', w.position, 'coverage', t.measure, 'segment_id', t.best_segment_id,
        'is_answered', t.verdict in ('answered', 'partly', 'improve'), 'missing_terms', '[]'::jsonb) order by q.ordinality) as queries
    from topics as t
    cross join unnest(t.queries) with ordinality as q (query, ordinality)
    left join pipeline.page_keywords(p_page_id) as w on w.query = q.query
    where t.query_coverage is null
    group by t.id
  )
  select t.id, t.cluster_index, t.label, t.verdict, t.measure, t.confidence, t.intent, t.impressions, t.clicks, t.avg_position,
    t.expected_clicks, coalesce(t.opportunity, t.impressions * (1 - t.measure)), t.best_segment_id, t.second_segment_id,
    coalesce(t.query_coverage, u.queries)
  from topics as t left join unmeasured as u on u.id = t.id;
$$;

revoke execute on function pipeline.page_topics(uuid, double precision) from public, anon, authenticated;
$file$),
('object', 'pageperfect/pageperfect_analysis.sql', 'bb1ddd9a67a2dae15a17307989d9e1e871ebc1001d577cc826f80f309dbe7e7d', array['function pipeline.pageperfect_analysis(uuid, uuid, jsonb)'], $file$-- Everything an analysis found, a row a part of the report: the job's result, and the body of the report while it still runs
-- (docs/report-schema; cli/report/result.ts). Parts are json: as jsonb the topics of a large page would be copied level by level.
create or replace function pipeline.pageperfect_analysis(p_job_id uuid, p_page_id uuid, p_payload jsonb)
returns table (key text, value json)
language sql
stable
set search_path = ''
as $$
  with topics as materialized (
    select * from pipeline.page_topics(p_page_id, coalesce((p_payload ->> 'threshold')::double precision, 0.7))
  ), queries as materialized (
    select t.kind not in ('brand', 'navigation', 'unrelated') as is_asked, q.*
    from topics as t
    cross join jsonb_to_recordset(t.queries) as q (variants jsonb, impressions bigint, clicks bigint, is_answered boolean)
  ), found as materialized (
    select pipeline.analysis_edits(p_page_id, coalesce((p_payload ->> 'top')::integer, 10)) as edits
  )
  select part.key, part.value
  from found as f
  cross join lateral (values
    ('schema_version', to_json(2)),
    ('page', (select to_json(jsonb_build_object('id', p.id, 'url', p.url, 'title', p.title, 'description', p.description,
        'language', p.language, 'canonical_url', p.canonical_url, 'published_at', p.published_at) || p.facts)
      from public.pages as p where p.id = p_page_id)),
    ('method', to_json(pipeline.analysis_method(p_page_id, p_payload))),
    ('summary', json_build_object(
      'query_count', (select coalesce(sum(1 + jsonb_array_length(q.variants)), 0) from queries as q),
      'impressions', (select coalesce(sum(q.impressions), 0) from queries as q),
      'clicks', (select coalesce(sum(q.clicks), 0) from queries as q),
      'answered_share', (
        select round(sum(q.impressions) filter (where q.is_answered) / nullif(sum(q.impressions), 0), 4)
        from queries as q where q.is_asked),
      'gap_count', (select count(*) from topics as t where t.kind = 'gap'),
      'partly_count', (select count(*) from topics as t where t.kind = 'partly'),
      'improve_count', (select count(*) from topics as t where t.kind = 'improve'),
      'expected_clicks', (
        select coalesce(round(sum(e.expected_clicks)::numeric, 1), 0)
        from jsonb_to_recordset(f.edits) as e (expected_clicks double precision)))),
    ('segments', (select coalesce(json_agg(json_build_object('id', e.id, 'position', e.position, 'kind', e.kind,
        'heading_path', e.heading_path, 'text', left(e.text, 400), 'char_start', e.char_start, 'char_end', e.char_end,
        'css_path', e.css_path) order by e.position), '[]')
      from public.page_embeddings as e where e.page_id = p_page_id)),
    ('topics', (select coalesce(json_agg(t order by t.impressions desc, t.id), '[]') from topics as t)),
    ('edits', to_json(f.edits)),
    ('drafts', to_json(pipeline.analysis_drafts(p_job_id))),
    ('draft_skipped', to_json(p_payload -> 'draft_skipped')),
    ('usage', to_json(coalesce(p_payload -> 'usage', '{}'))),
    -- Users are not told: what a job did not have to pay for, others had embedded.
    ('costs', (select to_json(coalesce(
        jsonb_agg(to_jsonb(u) - 'pipeline' - 'job_id' - 'created_at' order by u.created_at, u.stage), '[]'))
      from public.model_usage as u
      join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = u.job_id
      where u.job_id = p_job_id and j.user_id is null)),
    ('crawl', (select json_build_object('html_length', c.html_length, 'http_status', c.http_status,
        'processing_time_ms', c.processing_time_ms, 'provider', c.provider, 'final_url', c.final_url)
      from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1))
  ) as part (key, value);
$$;

revoke execute on function pipeline.pageperfect_analysis(uuid, uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/pageperfect_report.sql', '691920d3b04b79fe0c84f2c23df93c228782084e3a449222aa17420c8a7eacd4', array['function pipeline.pageperfect_report(uuid, jsonb)'], $file$-- The report of a job at any moment of its life, with the parts p_more.
create or replace function pipeline.pageperfect_report(p_job_id uuid, p_more jsonb default '{}')
returns json
language plpgsql
stable
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
begin
  return (select json_object_agg(part.key, part.value) from (
    select r.key, to_json(r.value) as value from jsonb_each(v_job.result || '{}') as r
    union all
    select a.* from pipeline.pageperfect_analysis(p_job_id, v_job.page_id,
      v_job.payload || coalesce(pipeline.latest_payload('pageperfect', p_job_id), '{}')) as a where v_job.result is null
    union all
    select m.key, to_json(m.value) from jsonb_each(p_more) as m
    union all
    values
      ('job', json_build_object('id', v_job.id, 'url', v_job.url, 'status', v_job.status, 'stage', v_job.stage,
        'priority', v_job.priority, 'error', v_job.error, 'created_at', v_job.created_at, 'completed_at', v_job.completed_at,
        'parameters', v_job.payload -> 'parameters')),
      ('stages', (select coalesce(json_agg(json_build_object('stage', c.stage, 'status', coalesce(s.status, 'pending'),
          'attempt_count', coalesce(s.attempt_count, 0), 'max_attempts', s.max_attempts, 'started_at', s.started_at,
          'finished_at', s.finished_at, 'next_retry_at', s.next_retry_at, 'last_error', s.last_error,
          'duration_ms', round(extract(epoch from s.finished_at - s.started_at) * 1000)) order by c.position), '[]')
        from pipeline.stage_config as c
        left join pipeline.job_stages as s on s.pipeline = c.pipeline and s.job_id = p_job_id and s.stage = c.stage
        where c.pipeline = 'pageperfect')),
      ('dead_letters', (select coalesce(json_agg(json_build_object('id', d.id, 'stage', d.stage, 'reason', d.failure_reason,
          'error_details', d.error_details, 'routed_at', d.routed_at, 'replayed_at', d.replayed_at) order by d.id), '[]')
        from pipeline.dead_letters as d where d.pipeline = 'pageperfect' and d.job_id = p_job_id))) as part);
end;
$$;

revoke execute on function pipeline.pageperfect_report(uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/put_keywords.sql', 'ed20a4bb0248d6b4a5bec4610eccc0dbe367f567ab5bd75e02ff5f8f51ffc598', array['function pipeline.put_keywords(uuid, jsonb)'], $file$-- Upserts undated keyword totals of a page. They are a snapshot of one export: queries of an earlier snapshot that
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
    sum(k.position * greatest(k.impressions, 1)) / sum(greatest(k.impressions, 1)) filter (where k.position is not null)
  from jsonb_to_recordset(p_keywords) as k (query text, impressions numeric, clicks numeric, position double precision)
  group by k.query
  on conflict (page_id, query, date) where page_id is not null do update
  set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function pipeline.put_keywords(uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/same_job.sql', '575ac76dbaea216f76c90dfd678e9af8b69a554bbdc8e3aa9fcb370b529c1a59', array['function pipeline.same_job(pipeline.jobs, jsonb)'], $file$-- The answer for a job that an idempotency key names already. Raises 23505 naming what this request has otherwise.
create or replace function pipeline.same_job(p_job pipeline.jobs, p_request jsonb)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_differs text;
begin
  select string_agg(key, ', ' order by key) into v_differs
  from (select jsonb_object_keys(p_job.request || p_request) as key) as k
  where p_job.request -> key is distinct from p_request -> key;
  if v_differs is not null then
    raise exception 'the idempotency key was used before, for job % with another %', p_job.id, v_differs using errcode = '23505';
  end if;
  return jsonb_build_object('job_id', p_job.id, 'page_id', p_job.page_id, 'status', p_job.status, 'created', false);
end;
$$;

revoke execute on function pipeline.same_job(pipeline.jobs, jsonb) from public, anon, authenticated;
$file$),
('object', 'pageperfect/save_checkpoint.sql', '2ffd92f3b7650c9bcd1027b2b69c196f3313459e950fd525b7c28623585fb709', array['function public.save_checkpoint(bigint, integer, text, text, text)'], $file$-- Keeps the leased stage's state (base64) in place of an earlier one. Returns {status: saved | lease_lost | cancelled}.
create or replace function public.save_checkpoint(p_msg_id bigint, p_read_ct integer, p_digest text, p_state text, p_pipeline text default 'pageperfect')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease(p_pipeline, p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status);
  end if;
  insert into pipeline.stage_checkpoints (pipeline, job_id, stage, digest, state)
  values (p_pipeline, v_lease.job_id, v_lease.stage, p_digest, decode(p_state, 'base64'))
  on conflict (job_id, stage) do update set digest = excluded.digest, state = excluded.state;
  return jsonb_build_object('status', 'saved');
end;
$$;

revoke execute on function public.save_checkpoint(bigint, integer, text, text, text) from public, anon, authenticated;
$file$),
('object', 'pageperfect/stage_vectors.sql', 'dc8b9601e49dffcfd9a9ce18a13d67f4f01a5a772699cb6c05c805b93a99b52b', array['function public.stage_vectors(bigint, integer, text, integer, text[])'], $file$-- Keeps vectors (pgvector text) for the commit of the leased stage, from position p_first on. Repeating it changes
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
$file$),
('object', 'pageperfect/usage_fact.sql', '09cbd551136e1eb022afa1b3b5ab8834f57abec924a23fce857269057cc8e511', array['function pipeline.usage_fact(pipeline.lease, jsonb)'], $file$-- The running usage of a job with this stage's added, as a fact for the payload. Users' jobs have none: what was cached would tell
-- them what others had embedded.
create or replace function pipeline.usage_fact(p_lease pipeline.lease, p_output jsonb)
returns jsonb
language sql
immutable
set search_path = ''
as $$
  select case when p_lease.user_id is null and jsonb_typeof(p_output -> 'usage') = 'object' then jsonb_build_object(
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
('object', 'schedules/every_seconds.sql', 'a5a6044298ea9d884d0f92b894db14dc660fd09932e050ece34765b2a5e7e357', array['function pipeline.every_seconds(integer)'], $file$-- A schedule of that many seconds; each minute where pg_cron is older than 1.5 and knows no seconds.
create or replace function pipeline.every_seconds(p_seconds integer)
returns text
language sql
stable
set search_path = ''
as $$
  select case when string_to_array(e.extversion, '.')::integer[] < array[1, 5] then '* * * * *' else p_seconds || ' seconds' end
  from (select (select x.extversion from pg_catalog.pg_extension as x where x.extname = 'pg_cron')) as e (extversion);
$$;

revoke execute on function pipeline.every_seconds(integer) from public, anon, authenticated;
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
('object', 'schedules/ring.sql', 'fa0774ddd270beedeb06c64b0d2ba4205e41e8e7cad4893707b2ba6f1bc93a48', array['function pipeline.ring(text)'], $file$-- Rings a function of this project; returns pg_net's request id; null when a ring of it waits already, and with a
-- warning when it cannot.
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
  -- One that waits is enough: while pg_net is stopped they would pile up.
  if exists (select from net.http_request_queue as q where q.url = v_url || '/functions/v1/' || p_function) then
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
('object', 'schedules/set_schedule_secrets.sql', '5a5e37ebc2597cb57328980ac680cfa2851f7bcb8a98d5aeaedfae4516fa5f9b', array['function pipeline.set_schedule_secrets(text, text)'], $file$-- Stores the two secrets, or replaces them: the way to rotate the key. Values never appear in an answer.
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
  if p_secret_key !~ '^[A-Za-z0-9_.-]+$' then
    raise exception 'the secret key has characters that no key has, such as a line break: copy it again' using errcode = '22023';
  end if;
  if p_secret_key ~ '^ey' and convert_from(decode(rpad(translate(split_part(p_secret_key, '.', 2), '-_', '+/'),
      (length(split_part(p_secret_key, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'role' is distinct from 'service_role' then
    raise exception 'the schedules need a secret key (sb_secret_…) or the service_role key, not the anon key' using errcode = '22023';
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
('object', 'schedules/vault_secret.sql', '90ce5b0e3617b8fbec6505b21dedb170e6d68239e175fea242d34e3376eedc79', array['function pipeline.vault_secret(text)'], $file$-- A secret from Vault; null when it, or Vault, is not there, or it cannot be decrypted.
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
exception when others then
  return null; -- of another project's key, as in a clone: as good as none
end;
$$;

revoke execute on function pipeline.vault_secret(text) from public, anon, authenticated;
$file$),
('object', 'schedules/wanted_schedules.sql', '7512e2a81f2bfc45ebc9f3f460362b1a5bb636ad32aae964bc9ce286870c6ff4', array['function pipeline.wanted_schedules()'], $file$-- The schedules: what rings the dispatcher and the crawler when nobody else does, and what keeps the tables small.
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
stable
set search_path = ''
as $$
  values
    ('pageperfect-dispatcher', pipeline.every_seconds(10),
      'select pipeline.ring(''content-queue-dispatcher'') where pipeline.dispatcher_is_wanted()'),
    ('pageperfect-crawl', pipeline.every_seconds(30),
      'select pipeline.ring(''crawl-cron'') where exists (select from public.dispatch_plan(''fetch'') as d where d.stage = ''crawl'')'),
    -- New days come once a day; in between there is only an import to go on with that failed or was cut off.
    ('pageperfect-gsc-import', '*/5 * * * *',
      'select pipeline.ring(''pageperfect-gsc-import'')
       where pipeline.start_due_imports() > 0 or exists (select from public.dispatch_plan(''fetch'') as d where d.stage = ''gsc_import'')'),
    ('pageperfect-sites', '*/10 * * * *', 'select pipeline.start_due_sites()'),
    -- One bounded step a minute for an hour: no long transaction, and nothing to do once all is gone.
    ('pageperfect-retention', '* 3 * * *', 'select public.prune(), public.prune_crawls(), public.prune_embedding_cache()'),
    ('pageperfect-cron-history', '10 4 * * *',
      'delete from cron.job_run_details where end_time < now() - interval ''3 days''');
$$;

revoke execute on function pipeline.wanted_schedules() from public, anon, authenticated;
$file$),
('object', 'search_console/checkpoint_gsc_import.sql', '7810376e045fc230da245e94f97b36cc3750687ea99def233d1feeb6b86fecf7', array['function public.checkpoint_gsc_import(bigint, integer, integer, boolean, integer)'], $file$-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease and
-- gives fresh attempts. {status: "continue", date, start_row} says what comes next; "committed": the import is done;
-- else lease_lost or cancelled.
create or replace function public.checkpoint_gsc_import(p_msg_id bigint, p_read_ct integer, p_row_count integer, p_is_day_done boolean, p_seconds integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_lease('fetch', p_msg_id, p_read_ct);
  v public.gsc_properties;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.gsc_properties as g
  set row_count = g.row_count + p_row_count, last_error = null, last_imported_at = pipeline.now(),
      next_row = case when p_is_day_done then 0 else g.next_row + p_row_count end,
      -- Days that were asked for out of turn leave the daily import where it is.
      imported_until = case when p_is_day_done and g.import_date = g.imported_until + 1 then g.import_date else g.imported_until end,
      import_date = case when not p_is_day_done then g.import_date when g.import_date < g.import_end then g.import_date + 1 end,
      import_end = case when not p_is_day_done or g.import_date < g.import_end then g.import_end end
  where g.job_id = v_lease.job_id
  returning * into v;
  if v.import_date is null then
    return pipeline.finish_stage(v_lease, jsonb_build_object('property', v.property));
  end if;
  update pipeline.job_stages set attempt_count = 1 where pipeline = 'fetch' and job_id = v_lease.job_id and stage = 'gsc_import';
  perform public.extend_lease('fetch', p_msg_id, p_read_ct, p_seconds);
  return jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row);
end;
$$;

revoke execute on function public.checkpoint_gsc_import(bigint, integer, integer, boolean, integer) from public, anon, authenticated;
$file$),
('object', 'search_console/gsc_settled_day.sql', '4155197d7f22c2e03928541f7414eae84432d443d911881b810761731ec70643', array['function public.gsc_settled_day()'], $file$-- The newest day whose figures no longer change. Search Console counts days in Pacific time and settles within three.
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
$file$),
('object', 'search_console/input_gsc_import.sql', '630982b451b13836abda9efa5c449bada7136e13c952cd4b75dbf3a9cea5a9d7', array['function public.input_gsc_import(uuid)'], $file$-- What an import begins with: the day, and how many of its rows are stored already.
create or replace function public.input_gsc_import(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('property', g.property, 'date', g.import_date, 'start_row', g.next_row)
  from public.gsc_properties as g where g.job_id = p_job_id;
$$;

revoke execute on function public.input_gsc_import(uuid) from public, anon, authenticated;
$file$),
('object', 'search_console/on_gsc_import.sql', '4540abb77b210354520c6106ea406b0ab8c8c6d4773c5a993ebe76b91b0f84fc', array['function pipeline.on_gsc_import(uuid, text, jsonb)'], $file$-- An import's error stands in its property's row as well. One that ended is done with: the daily import begins again tomorrow
-- where the last one stopped, and a replay with its first day.
create or replace function pipeline.on_gsc_import(p_job_id uuid, p_event text, p_details jsonb)
returns void
language sql
set search_path = ''
as $$
  update public.gsc_properties as g
  set last_error = case when p_event <> 'replayed' then p_details - 'delay_seconds' - 'reason' end,
      import_date = case p_event when 'retry' then g.import_date when 'replayed' then (j.payload ->> 'start_date')::date end,
      import_end = case p_event when 'retry' then g.import_end when 'replayed' then (j.payload ->> 'end_date')::date end,
      next_row = case when p_event = 'retry' then g.next_row else 0 end
  from pipeline.jobs as j
  where g.job_id = p_job_id and j.pipeline = 'fetch' and j.id = p_job_id
    and p_event in ('retry', 'dead_lettered', 'cancelled', 'replayed');
$$;

revoke execute on function pipeline.on_gsc_import(uuid, text, jsonb) from public, anon, authenticated;
$file$),
('object', 'search_console/queue_import.sql', '858eb693717ee3bc07357a7e99b34e2ebae2d1f12f725388efb1ec2434afd562', array['function pipeline.queue_import(text)'], $file$-- Queues the import of a property's days that are under way; the job's id stands in the property's row.
create or replace function pipeline.queue_import(p_property text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_job_id uuid := gen_random_uuid();
begin
  insert into pipeline.jobs (pipeline, id, job_type, url, stage, payload, created_at)
  select 'fetch', v_job_id, 'gsc_import', p_property, 'gsc_import',
    jsonb_build_object('property', p_property, 'start_date', g.import_date, 'end_date', g.import_end), pipeline.now()
  from public.gsc_properties as g where g.property = p_property;
  update public.gsc_properties set job_id = v_job_id where property = p_property;
  perform pipeline.queue_stage('fetch', v_job_id, 'gsc_import', jsonb_build_object('property', p_property));
end;
$$;

revoke execute on function pipeline.queue_import(text) from public, anon, authenticated;
$file$),
('object', 'search_console/start_due_imports.sql', '90a999dcfbcdb37958664030fd110bde8c8bb7f749f05257ce069d6c0e54fd1c', array['function pipeline.start_due_imports()'], $file$-- Queues an import of each enabled property that has new days, and of those whose import lost its job; how many. A property
-- whose import failed is left until tomorrow, or a replay.
create or replace function pipeline.start_due_imports()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v public.gsc_properties;
  v_count integer := 0;
begin
  for v in
    select g.* from public.gsc_properties as g
    where (g.import_date is not null or (g.enabled and coalesce(g.imported_until, '-infinity') < public.gsc_settled_day()))
      and not exists (select from pipeline.jobs as j where j.pipeline = 'fetch' and j.id = g.job_id
        and (j.is_open or (j.status = 'failed' and j.last_failed_at > pipeline.now() - interval '1 day')))
    for update skip locked
  loop
    if v.import_date is null then
      -- Nothing before the first daily import is wanted, so all of it counts as imported.
      update public.gsc_properties
      set imported_until = coalesce(imported_until, public.gsc_settled_day() - lookback_days),
          import_date = coalesce(imported_until, public.gsc_settled_day() - lookback_days) + 1,
          import_end = public.gsc_settled_day(), next_row = 0
      where property = v.property;
    end if;
    perform pipeline.queue_import(v.property);
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.start_due_imports() from public, anon, authenticated;
$file$),
('object', 'search_console/start_gsc_import.sql', 'f0c2bba283f761966cf2d9aa872e20ecaab8ba16363a0a08166526fb44e55b75', array['function public.start_gsc_import(text, date, date)'], $file$-- Asks for the days p_start_date..p_end_date of a property, both included. A property that is not in the table comes
-- into it disabled: imported once, not daily. Raises 55000 while an import of it is under way.
create or replace function public.start_gsc_import(p_property text, p_start_date date, p_end_date date)
returns jsonb
language plpgsql
security definer
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
    set import_date = excluded.import_date, import_end = excluded.import_end, next_row = 0, last_error = null
    where g.import_date is null;
  if not found then
    raise exception 'an import of % is under way: wait for its end', p_property using errcode = '55000';
  end if;
  perform pipeline.queue_import(p_property);
  return jsonb_build_object('property', p_property, 'start_date', p_start_date, 'end_date', p_end_date);
end;
$$;

revoke execute on function public.start_gsc_import(text, date, date) from public, anon, authenticated;
$file$),
('object', 'search_console/upsert_gsc_rows.sql', '44390775d9a237218d5badae7e2b7db0ef8633e93097e5400aefa12b93acc308', array['function public.upsert_gsc_rows(jsonb)'], $file$-- Stores rows [{page, query, date, impressions, clicks, position}] and makes the pages they name, which are the project's
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
        when sum(r.impressions) filter (where r.position is not null) > 0
        then sum(r.position * r.impressions::double precision) / sum(r.impressions) filter (where r.position is not null)::double precision
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
    on conflict (page_id, query, date) where page_id is not null do update
      set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position
      where (g.impressions, g.clicks, g.position) is distinct from (excluded.impressions, excluded.clicks, excluded.position)
  )
  select count(*), count(distinct n.page) into v_row_count, v_page_count from given as n;
  return jsonb_build_object('row_count', v_row_count, 'page_count', v_page_count);
end;
$$;

revoke execute on function public.upsert_gsc_rows(jsonb) from public, anon, authenticated;
$file$),
('object', 'site/begin_site_draft.sql', 'c09fd6661b1b39fbe14297ddbd3ae00654b86317b306da24d669af186cffe3eb', array['function public.begin_site_draft(bigint, integer, text, text, boolean)'], $file$-- Whether the leased site_drafts is to make the draft of an edit: {status, outcome}. 'reused': an earlier draft of this owner with the same
-- p_digest was taken, at no cost; 'skipped': there is no model (p_has_model), or the job has spent what it may; 'begun' else. A draft
-- that was begun is finished.
create or replace function public.begin_site_draft(p_msg_id bigint, p_read_ct integer, p_edit_id text, p_digest text, p_has_model boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
  v_earlier public.site_drafts;
  v_error jsonb;
begin
  if v_lease.status <> 'held' then
    return jsonb_build_object('status', v_lease.status, 'outcome', null);
  end if;
  select d.* into v_earlier
  from public.site_drafts as d
  join pipeline.jobs as j on j.pipeline = 'site' and j.id = d.job_id
  where d.digest = p_digest and d.status in ('written', 'answered') and j.user_id is not distinct from v_lease.user_id
  order by d.job_id = v_lease.job_id desc, d.created_at desc
  limit 1;
  if found then
    perform pipeline.put_site_draft(v_lease, p_edit_id, v_earlier.status, p_digest, v_earlier.draft, v_earlier.verification, null,
      v_earlier.job_id <> v_lease.job_id or v_earlier.is_reused);
    return jsonb_build_object('status', 'held', 'outcome', 'reused');
  end if;
  v_error := case
    when not p_has_model then jsonb_build_object('code', 'no_model', 'message', 'there is no language model to write it')
    when pipeline.site_ceiling_is_reached(pipeline.job('site', v_lease.job_id)) and not exists (
      select from pipeline.stage_checkpoints as c where c.job_id = v_lease.job_id and c.stage = 'site_drafts' and c.digest = p_digest)
      then jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling was reached') end;
  if v_error is not null then
    perform pipeline.put_site_draft(v_lease, p_edit_id, 'skipped', p_digest, null, null, v_error, false);
    return jsonb_build_object('status', 'held', 'outcome', 'skipped');
  end if;
  return jsonb_build_object('status', 'held', 'outcome', 'begun');
end;
$$;

revoke execute on function public.begin_site_draft(bigint, integer, text, text, boolean) from public, anon, authenticated;
$file$),
('object', 'site/cancel_site_job.sql', '2555175691d43279286b8c28b2fa7750817c609d560611afbdbbf85a85081327', array['function public.cancel_site_job(uuid)'], $file$-- Ends a site's job and its page jobs that are open. What was analysed stays and is used by the next job.
create or replace function public.cancel_site_job(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := public.cancel_job('site', p_job_id);
begin
  perform public.cancel_job('pageperfect', j.id)
  from pipeline.jobs as j
  where j.pipeline = 'pageperfect' and j.parent_pipeline = 'site' and j.parent_id = p_job_id and j.status in ('queued', 'processing');
  return v_answer;
end;
$$;

revoke execute on function public.cancel_site_job(uuid) from public, anon, authenticated;
$file$),
('object', 'site/clicks_around.sql', '06394173d55b8a1dfbf18a64dd8b50ea4bf5b94798a7b9e122bcc2b6e7355496', array['function pipeline.clicks_around(uuid, text[], date, integer)'], $file$-- What a page was shown and clicked in the p_days before a day and after it; of p_queries only, where they are given.
create or replace function pipeline.clicks_around(p_page_id uuid, p_queries text[], p_on date, p_days integer)
returns table (
  clicks_before bigint, clicks_after bigint, impressions_before bigint, impressions_after bigint,
  position_before double precision, position_after double precision)
language sql
stable
set search_path = ''
as $$
  select
    coalesce(sum(g.clicks) filter (where g.date < p_on), 0)::bigint, coalesce(sum(g.clicks) filter (where g.date > p_on), 0)::bigint,
    coalesce(sum(g.impressions) filter (where g.date < p_on), 0)::bigint, coalesce(sum(g.impressions) filter (where g.date > p_on), 0)::bigint,
    sum(g.position * g.impressions) filter (where g.date < p_on) / nullif(sum(g.impressions) filter (where g.date < p_on and g.position is not null), 0),
    sum(g.position * g.impressions) filter (where g.date > p_on) / nullif(sum(g.impressions) filter (where g.date > p_on and g.position is not null), 0)
  from public.gsc_page_query as g
  where g.page_id = pipeline.keyword_page_id(p_page_id) and g.date between p_on - p_days and p_on + p_days
    and (p_queries is null or g.query = any (p_queries));
$$;

revoke execute on function pipeline.clicks_around(uuid, text[], date, integer) from public, anon, authenticated;
$file$),
('object', 'site/commit_analyse_pages.sql', '8567e5a617844395fbf862ac1b5edf90d5d46e264d398527b67ad58bf61cff91', array['function public.commit_analyse_pages(bigint, integer, jsonb)'], $file$-- Ends the analysis of a site's pages. Without a single page that could be analysed the job fails.
create or replace function public.commit_analyse_pages(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'analyse_pages', p_msg_id, p_read_ct);
  v_counts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_counts := pipeline.site_counts(v_lease.job_id);
  if (v_counts ->> 'open')::integer + (v_counts ->> 'waiting')::integer > 0 then
    raise exception 'pages of site job % are still open', v_lease.job_id using errcode = '55000';
  end if;
  if (v_counts ->> 'done')::integer + (v_counts ->> 'reused')::integer = 0 then
    raise exception 'no page of % could be analysed: %', v_counts ->> 'total', (
      select s.error ->> 'message' from public.site_pages as s where s.job_id = v_lease.job_id and s.error is not null order by s.position limit 1)
      using errcode = '22023';
  end if;
  return pipeline.finish_stage(v_lease, jsonb_build_object('pages', v_counts));
end;
$$;

revoke execute on function public.commit_analyse_pages(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/commit_select_pages.sql', 'b28a729c9f8d119e613c98c17e14d62ed4e2c6f17aeaefdce02d56d2f97c7263', array['function public.commit_select_pages(bigint, integer, jsonb)'], $file$-- Chooses the pages of a site's job: p_output {model, pages: [{url, last_modified}] | null, refused_count, left_out: [{url, message}] (parts of a
-- sitemap index), drafter: {provider, model} | null}; without pages those of
-- the property that have Search Console rows. A page whose queries, parameters, model and modification time are those of an earlier
-- analysis keeps its result; without a modification time for as long as max_age_hours says. What the ceiling (max_usd) does not
-- pay for is left out, the pages with the fewest impressions first.
create or replace function public.commit_select_pages(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'select_pages', p_msg_id, p_read_ct);
  v_job pipeline.jobs;
  v_property text;
  v_select text;
  v_days integer;
  v_until date;
  v_max_pages integer;
  v_page_usd numeric;
  v_page_tokens numeric;
  v_draft_count integer;
  v_draft record;
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_job := pipeline.job('site', v_lease.job_id);
  v_property := v_job.payload -> 'site' ->> 'property';
  v_select := coalesce(v_job.payload ->> 'select', 'impressions');
  v_max_pages := coalesce((v_job.payload ->> 'max_pages')::integer, 300);

  create temporary table site_candidates (page_id uuid, url text, last_modified text, keyword_page_id uuid, has_rows boolean) on commit drop;
  if jsonb_typeof(p_output -> 'pages') = 'array' then
    insert into public.pages (owner_id, url)
    select v_job.user_id, g.url from jsonb_to_recordset(p_output -> 'pages') as g (url text)
    group by g.url order by g.url
    on conflict (owner_id, url) do nothing;
    insert into pg_temp.site_candidates
    select c.id, c.url, c.last_modified, c.keyword_page_id,
      exists (select from public.gsc_page_query as g where g.page_id = c.keyword_page_id)
    from (
      select distinct on (p.id) p.id, p.url, g.last_modified,
        case when v_job.user_id is null then p.id else pipeline.keyword_page_id(p.id) end as keyword_page_id
      from jsonb_to_recordset(p_output -> 'pages') as g (url text, last_modified text)
      -- Two look-ups in the index, which "is not distinct from" does not use.
      cross join lateral (
        select o.id, o.url from public.pages as o where o.owner_id = v_job.user_id and o.url = g.url
        union all
        select o.id, o.url from public.pages as o where v_job.user_id is null and o.owner_id is null and o.url = g.url) as p
      order by p.id) as c;
  else
    insert into pg_temp.site_candidates
    select p.id, p.url, null, p.id, true from public.pages as p
    where p.owner_id is not distinct from v_job.user_id
      and pipeline.is_of_property(p.url, v_property)
      and exists (select from public.gsc_page_query as g where g.page_id = p.id);
  end if;

  select max(g.date) into v_until from public.gsc_page_query as g where g.page_id in (select c.keyword_page_id from pg_temp.site_candidates as c);
  v_days := coalesce((v_job.payload ->> 'period_days')::integer, case when v_until is null then 90 else 28 end);
  v_until := coalesce(v_until, current_date);

  insert into public.site_pages (job_id, page_id, position, url, last_modified, impressions, digest, status, page_job_id)
  select v_job.id, f.page_id, row_number() over (order by f.weight desc, f.url), f.url, f.last_modified, f.impressions, f.digest,
    case when f.page_job_id is null then 'waiting' else 'reused' end, f.page_job_id
  from (
    select c.page_id, c.url, c.last_modified, c.impressions, d.digest, r.page_job_id, c.weight
    -- All are ranked before anything else is asked of the first: a sitemap may name 50,000.
    from (
      select c.page_id, c.url, c.last_modified, k.impressions, k.keywords,
        case v_select when 'potential' then k.potential else k.impressions end as weight
      from pg_temp.site_candidates as c
      cross join lateral (
        select coalesce(sum(k.impressions), 0)::bigint as impressions,
          coalesce(sum(k.impressions) filter (where k.position > 4 and k.position <= 20), 0)::bigint as potential,
          md5(coalesce(string_agg(concat_ws('|', k.query, k.impressions, k.clicks, round(k.position::numeric, 2)), E'\n' order by k.query), '')) as keywords
        from pipeline.site_keywords(c.page_id, v_until, v_days) as k
        where c.has_rows) as k
      where k.impressions > 0 or v_select = 'all' or jsonb_typeof(p_output -> 'pages') = 'array'
      order by weight desc, c.url) as c
    cross join lateral (select md5(concat_ws(E'\n', c.keywords, v_job.payload -> 'parameters', p_output ->> 'model')) as digest) as d
    left join lateral (
      select s.page_job_id
      from public.site_pages as s
      join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id
      where s.page_id = c.page_id and s.digest = d.digest and s.status in ('done', 'reused')
        and j.status = 'completed' and j.result is not null
        -- The page's rows are those of its last analysis.
        and exists (select from public.page_embeddings as e where e.page_id = c.page_id and e.job_id = j.id)
        and case when c.last_modified is not null and s.last_modified is not null then c.last_modified = s.last_modified
          else j.completed_at > pipeline.now() - make_interval(hours => coalesce((v_job.payload ->> 'max_age_hours')::integer, 24)) end
      order by s.created_at desc
      limit 1) as r on true
  ) as f
  where v_select <> 'changed' or f.page_job_id is null
  order by f.weight desc, f.url
  limit v_max_pages
  on conflict (job_id, page_id) do nothing;

  -- What a page has cost lately, with this project's models; before the first one it is unknown.
  select avg(u.usd), avg(u.tokens) into v_page_usd, v_page_tokens from (
    select sum(u.cost_usd) as usd, sum(u.input_tokens + u.output_tokens) as tokens
    from public.model_usage as u where u.pipeline = 'pageperfect'
    group by u.job_id order by max(u.created_at) desc limit 100) as u;
  if v_page_usd > 0 and v_job.payload ? 'max_usd' then
    update public.site_pages as s
    set status = 'skipped', error = jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling does not pay for this page')
    from (
      select w.page_id, row_number() over (order by w.position) as place
      from public.site_pages as w where w.job_id = v_job.id and w.status = 'waiting') as w
    where s.job_id = v_job.id and s.page_id = w.page_id and w.place * v_page_usd > (v_job.payload ->> 'max_usd')::numeric;
  end if;

  v_draft_count := coalesce((v_job.payload ->> 'drafts')::integer, 0);
  select * into v_draft from pipeline.site_draft_cost(p_output #>> '{drafter,provider}', p_output #>> '{drafter,model}');
  select jsonb_build_object(
    'page_count', count(*), 'reused_count', count(*) filter (where s.status = 'reused'),
    'to_analyse_count', count(*) filter (where s.status = 'waiting'), 'ceiling_count', count(*) filter (where s.status = 'skipped'),
    'unseen_count', count(*) filter (where s.impressions = 0),
    'left_out', coalesce(p_output -> 'left_out', '[]'::jsonb),
    'period_days', v_days, 'period_end', v_until, 'refused_count', coalesce((p_output ->> 'refused_count')::integer, 0),
    'estimate', jsonb_build_object(
      'crawls', count(*) filter (where s.status = 'waiting'),
      'tokens', round(v_page_tokens * count(*) filter (where s.status = 'waiting')),
      'usd', round(v_page_usd * count(*) filter (where s.status = 'waiting'), 4),
      -- With drafts, at most: a plan may have fewer edits that a draft helps.
      'minutes', round(((pipeline.page_seconds() * count(*) filter (where s.status = 'waiting') + pipeline.draft_seconds() * v_draft_count) / 60)::numeric, 1),
      'drafts', jsonb_build_object('count', v_draft_count, 'tokens', round(v_draft.tokens * v_draft_count),
        'usd', round(v_draft.usd * v_draft_count, 4))))
  into v_facts from public.site_pages as s where s.job_id = v_job.id;
  if (v_facts ->> 'page_count')::integer = 0 then
    raise exception 'no page to analyse: %', case
      when not exists (select from pg_temp.site_candidates) then
        format('there are no Search Console rows of pages of %s', coalesce(v_property, 'the source'))
      when v_select = 'changed' then 'none has changed since it was analysed'
      else 'none was seen in the search results of the period' end using errcode = '22023';
  end if;
  -- Told before anything is paid for: what nobody searches for has no gaps.
  if (v_facts ->> 'unseen_count')::integer = (v_facts ->> 'page_count')::integer then
    raise exception 'no search queries of the % pages are known, and a plan is made of those: import their Search Console rows first',
      v_facts ->> 'page_count' using errcode = '22023';
  end if;
  return pipeline.finish_stage(v_lease, v_facts);
end;
$$;

revoke execute on function public.commit_select_pages(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/commit_site_drafts.sql', 'cdcdce4a020f1b4e208b45a36714d0a62226ed5835bd7894065a0e1e5d6b01b9', array['function public.commit_site_drafts(bigint, integer, jsonb)'], $file$-- Ends a site's job with the drafts that were staged; its result's costs have them in.
create or replace function public.commit_site_drafts(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if jsonb_array_length(public.input_site_drafts(v_lease.job_id) -> 'edit_ids') > 0 then
    raise exception 'drafts of site job % are still wanted', v_lease.job_id using errcode = '55000';
  end if;
  delete from public.site_drafts as d where d.job_id = v_lease.job_id and not d.is_of_plan;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('drafts', pipeline.site_draft_counts(v_lease.job_id)),
    jsonb_set((pipeline.job('site', v_lease.job_id)).result, '{costs}', pipeline.site_costs(v_lease.job_id)));
end;
$$;

revoke execute on function public.commit_site_drafts(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/commit_site_plan.sql', 'dc4a549e6391a71c3af16c329c4aaf0b068a8820c6e53a9488b05a15897bf42e', array['function public.commit_site_plan(bigint, integer, jsonb)'], $file$-- Stores the plan that the stage kept as 'report', with the links of its pages. Edits of earlier plans whose queries are answered now, on a page that
-- has changed since, are marked as made. The report with what the engine knows is the job's result, and without drafts
-- to write the job's end.
create or replace function public.commit_site_plan(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_plan', p_msg_id, p_read_ct);
  v_report jsonb;
  v_job pipeline.jobs;
  v_is_last boolean;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_job := pipeline.job('site', v_lease.job_id);
  v_report := public.site_state(v_job.id, 'site_plan', 'report')::jsonb;
  if v_report ? 'pieces' then
    select string_agg(public.site_state(v_job.id, 'site_plan', 'report ' || n), '' order by n)::jsonb into v_report
    from generate_series(0, (v_report ->> 'pieces')::integer - 1) as n;
  end if;
  v_report := jsonb_set(v_report, '{links}', (
    select coalesce(jsonb_agg(l.link order by s.position, l.ordinality), '[]'::jsonb)
    from public.site_pages as s cross join lateral jsonb_array_elements(s.links) with ordinality as l (link, ordinality)
    where s.job_id = v_job.id));
  -- Megabytes that nobody reads again.
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = v_job.id and (c.stage like 'site_plan %' or c.stage like 'site_topics similar%');
  delete from public.site_edits as e where e.job_id = v_job.id;
  insert into public.site_edits (job_id, id, rank, kind, page_id, target_page_id, label, queries, coverage, expected_clicks, edit)
  select v_job.id, e ->> 'id', (e ->> 'rank')::integer, e ->> 'kind', (e ->> 'page_id')::uuid, (e ->> 'target_page_id')::uuid,
    e ->> 'label', array(select jsonb_array_elements_text(e -> 'queries')), (e ->> 'coverage')::double precision,
    (e ->> 'expected_clicks')::double precision, e
  from jsonb_array_elements(v_report -> 'edits') as e;
  perform pipeline.mark_site_edits(v_job.id);
  update public.site_drafts as d set is_of_plan = false where d.job_id = v_job.id;
  v_is_last := not exists (select from pipeline.site_drafts_wanted(v_job.id));
  return pipeline.finish_stage(v_lease,
    jsonb_build_object('edit_count', jsonb_array_length(v_report -> 'edits'), 'link_count', jsonb_array_length(v_report -> 'links'),
      'topic_count', jsonb_array_length(v_report -> 'topics'), 'expected_clicks', v_report -> 'site' -> 'expected_clicks'),
    pipeline.site_result(v_job.id, v_report), v_is_last);
end;
$$;

revoke execute on function public.commit_site_plan(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/commit_site_topics.sql', 'd666919f96731b27eda2d53d4a32e0b4eaf3a4c10a8fa54c8271b33818b8bdae', array['function public.commit_site_topics(bigint, integer, jsonb)'], $file$-- Ends the comparison of topics and the search for answers on other pages: {query_count, similar_count}.
create or replace function public.commit_site_topics(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = v_lease.job_id and (c.stage like 'site_topics comparison%'
      or c.stage in ('site_topics candidates', 'site_topics similar facts'));
  return pipeline.finish_stage(v_lease, jsonb_build_object('query_count', p_output -> 'query_count', 'similar_count', p_output -> 'similar_count',
    'answer_count', (select count(*) from public.site_answers as a where a.job_id = v_lease.job_id)));
end;
$$;

revoke execute on function public.commit_site_topics(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/create_site_job.sql', 'f46418f0733d45968a9724d52226406a0451f2a58ad35ab07ffdc9802df3f1c6', array['function public.create_site_job(jsonb, uuid, text)'], $file$-- Creates a site's job from a checked request (crates/policy, intake): {site: {urls | sitemap | property}, select, max_pages,
-- max_usd, max_age_hours, period_days, top, drafts, priority, parameters, idempotency_key}. The same idempotency key gives the same job.
create or replace function public.create_site_job(p_request jsonb, p_user_id uuid default null, p_traceparent text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  -- A caller's key never meets another caller's.
  v_key text := coalesce(p_user_id::text, 'service') || ':' || nullif(p_request ->> 'idempotency_key', '');
  v_priority integer := coalesce((p_request ->> 'priority')::integer, 0);
  v_payload jsonb := p_request - 'idempotency_key' - 'priority';
  v_job pipeline.jobs;
begin
  if not p_request ? 'site' then
    raise exception 'a site job needs site: urls, a sitemap or a property' using errcode = '22023';
  end if;
  insert into pipeline.jobs (pipeline, job_type, url, user_id, stage, priority, payload, idempotency_key, traceparent)
  values ('site', 'site', coalesce(p_request -> 'site' ->> 'sitemap', p_request -> 'site' ->> 'property'), p_user_id,
    'select_pages', v_priority, v_payload, v_key, p_traceparent)
  on conflict (pipeline, idempotency_key) do nothing
  returning * into v_job;
  if not found then
    select * into v_job from pipeline.jobs as j where j.pipeline = 'site' and j.idempotency_key = v_key;
    return jsonb_build_object('job_id', v_job.id, 'status', v_job.status, 'created', false);
  end if;
  perform pipeline.log_event('site', v_job.id, null, 'created', 'job created', v_payload - 'site');
  -- The list of pages may be long: it stays with the job and does not travel in messages.
  perform pipeline.queue_stage('site', v_job.id, 'select_pages', '{}'::jsonb, v_priority);
  return jsonb_build_object('job_id', v_job.id, 'status', 'queued', 'created', true);
end;
$$;

revoke execute on function public.create_site_job(jsonb, uuid, text) from public, anon, authenticated;
$file$),
('object', 'site/draft_seconds.sql', '60fa5ae96be76a82fd9d9f07fcbfa2dff0a65f4b77e8db909237f27e1fdaff3e', array['function pipeline.draft_seconds()'], $file$-- Seconds from one written draft of a site's plan to the next, as lately seen (the median: jobs are paused and tried again); 30 before
-- anything was seen, three calls of a model that answers in 10.
create or replace function pipeline.draft_seconds()
returns double precision
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select percentile_cont(0.5) within group (order by extract(epoch from g.gap))
     from (
       select d.created_at - lag(d.created_at) over (partition by d.job_id order by d.created_at) as gap
       from (
         select l.job_id, l.created_at from public.site_drafts as l
         where l.status = 'written' and not l.is_reused
         order by l.created_at desc limit 200) as d) as g),
    30);
$$;

revoke execute on function pipeline.draft_seconds() from public, anon, authenticated;
$file$),
('object', 'site/get_site_report.sql', '5a7f82253fbe5ce879662c663d05f7f30c2a5478f703f8f7e00855dfd5b794ea', array['function public.get_site_report(uuid)'], $file$-- The report of a site's job, with the drafts that are there so far; null before there is one.
create or replace function public.get_site_report(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
begin
  return jsonb_set(v_job.result, '{job}', (v_job.result -> 'job')
    || jsonb_build_object('status', v_job.status, 'completed_at', v_job.completed_at))
    || jsonb_build_object('drafts', pipeline.site_report_drafts(p_job_id));
end;
$$;

revoke execute on function public.get_site_report(uuid) from public, anon, authenticated;
$file$),
('object', 'site/input_analyse_pages.sql', '03c6524e0e71e254f15adb47b4efb02fdde4278ef0d4706a787c6c8e7b6173d7', array['function public.input_analyse_pages(uuid)'], $file$-- Brings the pages of a site's job up to date with their page jobs, makes page jobs for those that wait, as many as may be open at
-- once (pipeline.site_window), and tells how many there are: {total, waiting, open, done, reused, failed, skipped}. Page jobs are
-- children: the last one that ends wakes the site's job. Repeating it changes nothing.
create or replace function public.input_analyse_pages(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  v_page record;
  v_child uuid;
  v_open integer;
begin
  -- One at a time, so that no page gets two jobs.
  perform pg_advisory_xact_lock(hashtextextended('site ' || p_job_id, 0));
  update public.site_pages as s
  set status = case j.status when 'completed' then 'done' else 'failed' end,
    error = case when j.status = 'completed' then null
      else coalesce(j.error, jsonb_build_object('code', j.status, 'message', 'the page''s job was ' || j.status)) end
  from pipeline.jobs as j
  where s.job_id = p_job_id and s.status = 'open' and j.pipeline = 'pageperfect' and j.id = s.page_job_id
    and j.status in ('completed', 'failed', 'cancelled');

  if pipeline.site_ceiling_is_reached(v_job) then
    update public.site_pages as s
    set status = 'skipped', error = jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling was reached')
    where s.job_id = p_job_id and s.status = 'waiting';
  end if;

  select count(*) into v_open from public.site_pages as s where s.job_id = p_job_id and s.status = 'open';
  if v_job.status in ('queued', 'processing') and v_open <= pipeline.site_window() / 2 then
    for v_page in
      select s.page_id from public.site_pages as s
      where s.job_id = p_job_id and s.status = 'waiting' order by s.position limit pipeline.site_window() - v_open
    loop
      begin
        v_child := (public.create_pageperfect_job(
          jsonb_build_object('page_id', v_page.page_id, 'priority', v_job.priority, 'generate_draft', false,
            'parameters', coalesce(v_job.payload -> 'parameters', '{}'::jsonb),
            'idempotency_key', 'site ' || p_job_id || ' ' || v_page.page_id || ' ' || coalesce(v_job.payload ->> 'round', '0')),
          v_job.user_id, v_job.traceparent) ->> 'job_id')::uuid;
      exception when sqlstate '53400' then
        exit; -- as many open jobs as this user may have: the rest waits
      end;
      update pipeline.jobs set parent_pipeline = 'site', parent_id = p_job_id where pipeline = 'pageperfect' and id = v_child;
      update public.site_pages as s set status = 'open', page_job_id = v_child where s.job_id = p_job_id and s.page_id = v_page.page_id;
    end loop;
  end if;
  return pipeline.site_counts(p_job_id);
end;
$$;

revoke execute on function public.input_analyse_pages(uuid) from public, anon, authenticated;
$file$),
('object', 'site/input_select_pages.sql', 'ba8325ca998fbbcf42a4a66af44fee134b6cf9be79ac16ecc5ac02aa4402bf4c', array['function public.input_select_pages(uuid)'], $file$-- What select_pages needs to begin its work: where the site's pages are named.
create or replace function public.input_select_pages(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (pipeline.job('site', p_job_id)).payload -> 'site';
end;
$$;

revoke execute on function public.input_select_pages(uuid) from public, anon, authenticated;
$file$),
('object', 'site/input_site_drafts.sql', '92f91998a92ed13437725678b809d3006eeb0cefe1ab6b8ce5e9a21f6eb0242a', array['function public.input_site_drafts(uuid)'], $file$-- What site_drafts needs to begin or to go on: the edits of the plan that are wanted and were not come to yet, by rank, and whether a
-- reader checks them first (null: if there is one).
create or replace function public.input_site_drafts(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object(
    'verify', ((pipeline.job('site', p_job_id)).payload #>> '{parameters,verify}')::boolean,
    'edit_ids', (
      select coalesce(jsonb_agg(e.id order by e.rank), '[]'::jsonb) from pipeline.site_drafts_wanted(p_job_id) as e
      where not exists (select from public.site_drafts as d where d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan)));
$$;

revoke execute on function public.input_site_drafts(uuid) from public, anon, authenticated;
$file$),
('object', 'site/input_site_plan.sql', '403c1d4c47aeba45904c6c9b52a9a318d54fc7abeb1c0b34773d14d8cb5a3fe3', array['function public.input_site_plan(uuid)'], $file$-- What site_plan needs to begin its work.
create or replace function public.input_site_plan(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select public.input_site_topics(p_job_id) || jsonb_build_object(
    'top', (pipeline.job('site', p_job_id)).payload -> 'top',
    'has_report', exists (
      select from pipeline.stage_checkpoints as c
      where c.pipeline = 'site' and c.job_id = p_job_id and c.stage = 'site_plan report'));
$$;

revoke execute on function public.input_site_plan(uuid) from public, anon, authenticated;
$file$),
('object', 'site/input_site_topics.sql', '1a675f85ab1b0d603c9b98ccac3d2d6c2bf5c7a10fd274d8966a01c1767d3ccd', array['function public.input_site_topics(uuid)'], $file$-- What site_topics and site_plan need to begin: how many pages, from after which position on they lack sketches, and over which period
-- their queries are counted.
create or replace function public.input_site_topics(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('period_days', p.data -> 'period_days', 'period_end', p.data -> 'period_end',
    'page_count', (select count(*) from public.site_pages as s where s.job_id = p_job_id and s.status in ('done', 'reused')),
    'unsketched_after', (
      select min(s.position) - 1 from public.site_pages as s
      where s.job_id = p_job_id and s.status in ('done', 'reused') and s.sketches is null))
  from pipeline.payloads as p where p.pipeline = 'site' and p.job_id = p_job_id and p.stage = 'select_pages';
$$;

revoke execute on function public.input_site_topics(uuid) from public, anon, authenticated;
$file$),
('object', 'site/is_of_property.sql', 'b72bdd283348db979a852dde095c3e5c3b0653a8f57d9dd59413af7bd56234ea', array['function pipeline.is_of_property(text, text)'], $file$-- Whether an address belongs to a Search Console property: `sc-domain:example.com`, or the beginning of the address.
create or replace function pipeline.is_of_property(p_url text, p_property text)
returns boolean
language sql
immutable
set search_path = ''
as $$
  select case when p_property like 'sc-domain:%'
    then substring(p_url from '^https?://([^/:?#]+)') ~ ('(^|\.)' || replace(substr(p_property, 11), '.', '\.') || '$')
    else starts_with(p_url, p_property) end;
$$;

revoke execute on function pipeline.is_of_property(text, text) from public, anon, authenticated;
$file$),
('object', 'site/mark_site_edits.sql', 'd5d4d33b894bbaf303e3118793736fcab08c3f4cc055b845ba9a03356423d139', array['function pipeline.mark_site_edits(uuid)'], $file$-- Marks the edits of earlier plans that were made: the page's text is another than it was then, and the plan of p_job_id has
-- no such edit any more. Returns how many.
create or replace function pipeline.mark_site_edits(p_job_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.site_edits as e set made_at = pipeline.now()
  from public.site_pages as was, public.site_pages as s, pipeline.jobs as before, pipeline.jobs as after
  where e.job_id <> p_job_id and e.made_at is null
    and was.job_id = e.job_id and was.page_id = e.page_id and s.job_id = p_job_id and s.page_id = e.page_id and s.status = 'done'
    and before.pipeline = 'pageperfect' and before.id = was.page_job_id and after.pipeline = 'pageperfect' and after.id = s.page_job_id
    and before.id <> after.id and before.result -> 'segments' is distinct from after.result -> 'segments'
    and pipeline.segment_texts(before.result) is distinct from pipeline.segment_texts(after.result)
    and not exists (
      select from public.site_edits as n
      where n.job_id = p_job_id and n.page_id = e.page_id and (n.kind, n.label, n.target_page_id) is not distinct from (e.kind, e.label, e.target_page_id));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function pipeline.mark_site_edits(uuid) from public, anon, authenticated;
$file$),
('object', 'site/next_site_candidate.sql', '9f89c86e6802db4e9670573bc433d463f4c6b994e8b53240041ccb3f56618fe6', array['function public.next_site_candidate(uuid)'], $file$-- A page in which answers are still to be looked for: {page_id, queries: [{page_id, query}]}; null when there is none.
create or replace function public.next_site_candidate(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('page_id', a.other_page_id,
    'queries', jsonb_agg(jsonb_build_object('page_id', a.page_id, 'query', a.query) order by a.page_id, a.query))
  from public.site_answers as a
  where a.job_id = p_job_id and a.coverage is null and a.other_page_id = (
    select m.other_page_id from public.site_answers as m
    where m.job_id = p_job_id and m.coverage is null order by m.other_page_id limit 1)
  group by a.other_page_id;
$$;

revoke execute on function public.next_site_candidate(uuid) from public, anon, authenticated;
$file$),
('object', 'site/page_seconds.sql', '6d7fcc606593107f834ece38b30e6e5138dfdeb95c71362a484f47e1aec85605', array['function pipeline.page_seconds()'], $file$-- Seconds from one finished page to the next while pages are analysed, as lately seen; 3 before anything was seen.
create or replace function pipeline.page_seconds()
returns double precision
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select extract(epoch from max(r.completed_at) - min(r.completed_at)) / nullif(count(*) - 1, 0)
     from (
       select j.completed_at from pipeline.jobs as j
       where j.pipeline = 'pageperfect' and j.parent_pipeline = 'site' and j.status = 'completed'
         and j.parent_id = (
           select l.parent_id from pipeline.jobs as l
           where l.pipeline = 'pageperfect' and l.parent_pipeline = 'site' and l.status = 'completed'
           order by l.completed_at desc limit 1)) as r),
    3);
$$;

revoke execute on function pipeline.page_seconds() from public, anon, authenticated;
$file$),
('object', 'site/put_site_draft.sql', '1405d42db8948edf90160500d90e02e0fb92544f95fbfd2b470db4f4e8e4ed0b', array['function pipeline.put_site_draft(pipeline.lease, text, text, text, jsonb, jsonb, jsonb, boolean)'], $file$-- Keeps what became of an edit's draft, in place of what an earlier plan of the job had there. p_error: as the job's owner may see it.
create or replace function pipeline.put_site_draft(
  p_lease pipeline.lease, p_edit_id text, p_status text, p_digest text, p_draft jsonb, p_verification jsonb, p_error jsonb,
  p_is_reused boolean
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_edit public.site_edits;
begin
  select * into v_edit from public.site_edits as e where e.job_id = p_lease.job_id and e.id = p_edit_id;
  if not found then
    return; -- its page was deleted meanwhile
  end if;
  insert into public.site_drafts as d (job_id, edit_id, page_id, status, digest, draft, verification, error, is_reused)
  values (p_lease.job_id, p_edit_id, v_edit.page_id, p_status, p_digest, p_draft, p_verification, p_error, p_is_reused)
  on conflict (job_id, edit_id) do update
  set page_id = excluded.page_id, status = excluded.status, digest = excluded.digest, draft = excluded.draft,
      verification = excluded.verification, error = excluded.error, is_reused = excluded.is_reused, is_of_plan = true;
  delete from pipeline.stage_checkpoints as c where c.job_id = p_lease.job_id and c.stage = 'site_drafts' and c.digest = p_digest;
  perform pipeline.log_event('site', p_lease.job_id, 'site_drafts', 'draft_' || p_status,
    format('draft of edit %s %s%s', v_edit.rank, p_status, coalesce(': ' || (p_error ->> 'message'), '')),
    jsonb_build_object('edit_id', p_edit_id, 'is_reused', p_is_reused));
end;
$$;

revoke execute on function pipeline.put_site_draft(pipeline.lease, text, text, text, jsonb, jsonb, jsonb, boolean) from public, anon, authenticated;
$file$),
('object', 'site/retry_site_job.sql', 'd7898db6d0fd7f045cffceb06ac83bc2c54923f5e1b2cdbe837ac363c39b39e6', array['function public.retry_site_job(uuid)'], $file$-- Tries the failed pages of an ended site's job once more, and only those, and makes the plan anew; where no page has failed and the plan
-- stands, the drafts that it lacks. Returns {status, retried_count, draft_count}: of pages, and of drafts where these alone are tried.
create or replace function public.retry_site_job(p_job_id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  v_count integer;
begin
  if v_job.status in ('queued', 'processing') then
    return jsonb_build_object('status', v_job.status, 'retried_count', 0, 'draft_count', 0);
  end if;
  select count(*) into v_count from pipeline.site_drafts_wanted(p_job_id) as e
  where not exists (
    select from public.site_drafts as d
    where d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan and d.status in ('written', 'answered'));
  if v_count > 0
    and exists (
      select from pipeline.job_stages as s
      where s.pipeline = 'site' and s.job_id = p_job_id and s.stage = 'site_plan' and s.status = 'completed')
    and not exists (select from public.site_pages as s where s.job_id = p_job_id and s.status in ('failed', 'open')) then
    delete from public.site_drafts as d where d.job_id = p_job_id and d.status in ('skipped', 'failed');
    perform pipeline.reopen_job('site', p_job_id);
    perform pipeline.log_event('site', p_job_id, null, 'retried', format('%s drafts once more', v_count));
    perform pipeline.queue_stage('site', p_job_id, 'site_drafts', coalesce(pipeline.latest_payload('site', p_job_id), '{}'::jsonb), v_job.priority);
    return jsonb_build_object('status', 'queued', 'retried_count', 0, 'draft_count', v_count);
  end if;
  -- What was found on pages that are there already stands; their links depend on the plan.
  update public.site_pages as s set links = null where s.job_id = p_job_id and s.links is not null;
  update public.site_pages as s set status = 'waiting', page_job_id = null, error = null
  where s.job_id = p_job_id and (s.status = 'failed' or s.status = 'open' and v_job.status = 'cancelled');
  get diagnostics v_count = row_count;
  -- What was worked out of the pages together, and kept for a next invocation that never came, is of other pages than there will be. What
  -- was paid for is not.
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = p_job_id and c.stage not in ('site_topics mean', 'site_drafts');
  perform pipeline.reopen_job('site', p_job_id);
  update pipeline.jobs set payload = payload || jsonb_build_object('round', coalesce((payload ->> 'round')::integer, 0) + 1)
  where pipeline = 'site' and id = p_job_id;
  perform pipeline.log_event('site', p_job_id, null, 'retried', format('%s pages once more', v_count));
  perform pipeline.queue_stage('site', p_job_id,
    case when exists (select from public.site_pages as s where s.job_id = p_job_id) then 'analyse_pages' else 'select_pages' end,
    coalesce(pipeline.latest_payload('site', p_job_id), '{}'::jsonb), v_job.priority);
  return jsonb_build_object('status', 'queued', 'retried_count', v_count, 'draft_count', 0);
end;
$$;

revoke execute on function public.retry_site_job(uuid) from public, anon, authenticated;
$file$),
('object', 'site/schedule_site.sql', '928843ec49eff2c878ccdfa23ba0249934b4122d6981bd3263c4d1089f98fd0e', array['function public.schedule_site(uuid, integer)'], $file$-- Has a site's job made again every p_every_days days (1 to 366), with the request that it was made with; null: no longer. One schedule a request
-- and user. Pages that have not changed are not analysed again. Returns {status: scheduled | unscheduled, every_days, next_at}.
create or replace function public.schedule_site(p_job_id uuid, p_every_days integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  -- What an earlier request said of its pages' modification times is no longer so.
  v_request jsonb := v_job.payload - 'round';
  v_schedule public.site_schedules;
begin
  if jsonb_typeof(v_request -> 'site' -> 'urls') = 'array' then
    v_request := jsonb_set(v_request, '{site,urls}', (
      select jsonb_agg(case jsonb_typeof(u.value) when 'object' then u.value - 'last_modified' else u.value end order by u.ordinality)
      from jsonb_array_elements(v_request -> 'site' -> 'urls') with ordinality as u));
  end if;
  if v_job.priority <> 0 then
    v_request := v_request || jsonb_build_object('priority', v_job.priority);
  end if;
  if p_every_days is null then
    delete from public.site_schedules as s where s.user_id is not distinct from v_job.user_id and s.request = v_request;
    return jsonb_build_object('status', 'unscheduled');
  end if;
  if p_every_days not between 1 and 366 then
    raise exception 'schedule_site: every 1 to 366 days, not %', p_every_days using errcode = '22023';
  end if;
  insert into public.site_schedules (user_id, request, every_days, next_at, job_id)
  values (v_job.user_id, v_request, p_every_days, pipeline.now() + make_interval(days => p_every_days), p_job_id)
  on conflict (coalesce(user_id::text, ''), md5(request::text)) do update
  set every_days = excluded.every_days, next_at = excluded.next_at, job_id = excluded.job_id, error = null
  returning * into v_schedule;
  return jsonb_build_object('status', 'scheduled', 'every_days', v_schedule.every_days, 'next_at', v_schedule.next_at);
end;
$$;

revoke execute on function public.schedule_site(uuid, integer) from public, anon, authenticated;
$file$),
('object', 'site/segment_texts.sql', '0e15a574cf1f92e7ebf89ddcb815e43849e19832bc2850c3148d6e0c26f69f0b', array['function pipeline.segment_texts(jsonb)'], $file$-- The texts of a page job's segments, in order: whether a page has changed.
create or replace function pipeline.segment_texts(p_result jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select md5(string_agg(s ->> 'text', E'\n' order by ordinality))
  from jsonb_array_elements(p_result -> 'segments') with ordinality as s (s, ordinality);
$$;

revoke execute on function pipeline.segment_texts(jsonb) from public, anon, authenticated;
$file$),
('object', 'site/site_candidate_page.sql', '4add329f4e415edf2d4aacabb80c27160a210a94219dc63f44df630b3cf1fa39', array['function public.site_candidate_page(uuid)'], $file$-- A page that may answer other pages' queries: {title, language, segments, queries}, its own queries with the most impressions to
-- measure by.
create or replace function public.site_candidate_page(p_page_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('title', coalesce(p.title, ''), 'language', p.language,
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = p.id),
    'queries', (
      select coalesce(jsonb_agg(to_jsonb(k)), '[]'::jsonb)
      from (select k.query, k.impressions, k.clicks, k.position from pipeline.page_keywords(p.id) as k limit 50) as k))
  from public.pages as p where p.id = p_page_id;
$$;

revoke execute on function public.site_candidate_page(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_ceiling_is_reached.sql', '51e007f7f6c8fe85d1a93004e59faac282984d39a55fa27d28ddfd5f53f896af', array['function pipeline.site_ceiling_is_reached(pipeline.jobs)'], $file$-- Whether a site's job has spent what it may (max_usd), on its pages and on its own.
create or replace function pipeline.site_ceiling_is_reached(p_job pipeline.jobs)
returns boolean
language sql
stable
set search_path = ''
as $$
  select p_job.payload ? 'max_usd' and (pipeline.site_costs(p_job.id) ->> 'usd')::numeric >= (p_job.payload ->> 'max_usd')::numeric;
$$;

revoke execute on function pipeline.site_ceiling_is_reached(pipeline.jobs) from public, anon, authenticated;
$file$),
('object', 'site/site_costs.sql', '5349cf8131a29bebb294388a70d0efbe8dbb66c0df9f06ae48ca2cb80c68b668', array['function pipeline.site_costs(uuid)'], $file$-- What a site's job has used of models: its page jobs, without those of pages that keep an earlier job's result, and its own calls.
create or replace function pipeline.site_costs(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('input_tokens', coalesce(sum(u.input_tokens), 0), 'output_tokens', coalesce(sum(u.output_tokens), 0),
    'usd', coalesce(sum(u.cost_usd), 0), 'call_count', coalesce(sum(u.call_count), 0))
  from public.model_usage as u
  where u.job_id in (
    select p_job_id union all
    select s.page_job_id from public.site_pages as s where s.job_id = p_job_id and s.status <> 'reused');
$$;

revoke execute on function pipeline.site_costs(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_counts.sql', 'd219391d6c3d8d55ff11f21d71fe08177a118f02299782f3319822f7ec4655b2', array['function pipeline.site_counts(uuid)'], $file$-- How many pages of a site's job stand where.
create or replace function pipeline.site_counts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('total', count(*), 'waiting', count(*) filter (where s.status = 'waiting'),
    'open', count(*) filter (where s.status = 'open'), 'done', count(*) filter (where s.status = 'done'),
    'reused', count(*) filter (where s.status = 'reused'), 'failed', count(*) filter (where s.status = 'failed'),
    'skipped', count(*) filter (where s.status = 'skipped'))
  from public.site_pages as s where s.job_id = p_job_id;
$$;

revoke execute on function pipeline.site_counts(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_draft_cost.sql', 'cc701aa3ed93d74dac2bbd19956cf24993db6521971ce7f386d7cb3499113d96', array['function pipeline.site_draft_cost(text, text)'], $file$-- What a draft of a site's plan takes, with the readings that found no need for one: tokens, and dollars where all of them have a price. As the latest drafts of site jobs took,
-- else those of page jobs; before there are any, one reading (3,000 tokens in, 250 out) and one and a half versions (2,000 in, 900 out
-- each) at the model's price.
create or replace function pipeline.site_draft_cost(p_provider text, p_model text, out tokens numeric, out usd numeric)
language plpgsql
stable
set search_path = ''
as $$
begin
  select sum(u.tokens) / sum(n.count), case when not bool_or(u.is_unpriced) then sum(u.usd) / sum(n.count) end into tokens, usd
  from (
    select u.stage, u.job_id, sum(u.input_tokens + u.output_tokens) as tokens, sum(u.cost_usd) as usd, bool_or(u.cost_usd is null) as is_unpriced
    from public.model_usage as u where u.stage in ('site_drafts', 'rewrite_draft')
    group by u.stage, u.job_id order by max(u.created_at) desc limit 200) as u
  cross join lateral (
    select case u.stage
      when 'site_drafts' then (select count(*) from public.site_drafts as d where d.job_id = u.job_id and not d.is_reused and d.status = 'written')
      else (select count(*) from public.rewrite_drafts as d where d.job_id = u.job_id) end as count) as n
  where n.count > 0
  group by u.stage order by u.stage = 'site_drafts' desc limit 1;
  if tokens is null and p_model is not null then
    tokens := 7600;
    usd := pipeline.model_cost(p_provider, p_model, 6000, 1600);
  end if;
end;
$$;

revoke execute on function pipeline.site_draft_cost(text, text) from public, anon, authenticated;
$file$),
('object', 'site/site_draft_counts.sql', '38ef728f479d7997a8ed285b8ef6c6dbb30ba61dc40d50772e99f8348be65aff', array['function pipeline.site_draft_counts(uuid)'], $file$-- What became of the drafts of a site's job: {wanted, written, answered, skipped, failed, reused}. A reader found the answered ones, which are
-- not among the wanted, and the reused ones are among the written and the answered. Null while there is no plan, and when none are wanted.
create or replace function pipeline.site_draft_counts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select case when count(*) > 0 then jsonb_build_object('wanted', count(*) filter (where d.status is distinct from 'answered'), 'written', count(*) filter (where d.status = 'written'),
    'answered', count(*) filter (where d.status = 'answered'), 'skipped', count(*) filter (where d.status = 'skipped'),
    'failed', count(*) filter (where d.status = 'failed'), 'reused', count(*) filter (where d.is_reused)) end
  from pipeline.site_drafts_wanted(p_job_id) as e
  left join public.site_drafts as d on d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan;
$$;

revoke execute on function pipeline.site_draft_counts(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_draft_input.sql', 'ff66ae602568ae58bd53fcdf2b8e9a5f3689b2ea0810aacc43a37eb5df7df9fb', array['function public.site_draft_input(uuid, text)'], $file$-- What the draft of one edit of a site's plan is made from: {desk, scoring, is_read} (crates/draft, desk): its page (for a new one, that
-- which is shown today), the edit alone, and a topic of the queries that the page leaves open. Of a new page there is an outline. Nearest are the segments that come nearest to the page's topic which holds most of
-- them: its centroid is the mean of their vectors. is_read: a reader has looked for them on the page when it was analysed.
create or replace function public.site_draft_input(p_job_id uuid, p_edit_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_parameters jsonb := coalesce((pipeline.job('site', p_job_id)).payload -> 'parameters', '{}'::jsonb);
  v_edit public.site_edits;
  v_threshold double precision;
  v_topic_id bigint;
  v_queries jsonb;
  v_open text[];
begin
  select * into v_edit from public.site_edits as e where e.job_id = p_job_id and e.id = p_edit_id;
  if not found then
    raise exception 'the plan of job % has no edit %', p_job_id, p_edit_id using errcode = 'P0002';
  end if;
  v_threshold := coalesce((
    select (pipeline.latest_payload('pageperfect', s.page_job_id) ->> 'threshold')::double precision
    from public.site_pages as s where s.job_id = p_job_id and s.page_id = v_edit.page_id), 0.7);

  with known as materialized (
    select t.id, q.q ->> 'query' as query, q.q, coalesce((q.q ->> 'impressions')::double precision, 0) as impressions
    from pipeline.page_topics(v_edit.page_id, v_threshold) as t
    cross join jsonb_array_elements(t.queries) as q (q)
    where q.q ->> 'query' = any (v_edit.queries)
  )
  select
    (select k.id from known as k group by k.id order by sum(k.impressions) desc, k.id limit 1),
    jsonb_agg(coalesce(k.q, jsonb_build_object('query', e.query, 'variants', '[]'::jsonb, 'impressions', 0, 'clicks', 0, 'position', null,
      'coverage', 0, 'segment_id', null, 'is_answered', false, 'missing_terms', '[]'::jsonb)) order by e.ordinality),
    array_agg(e.query order by e.ordinality) filter (where not coalesce((k.q ->> 'is_answered')::boolean, false))
  into v_topic_id, v_queries, v_open
  from unnest(v_edit.queries) with ordinality as e (query, ordinality)
  left join lateral (select k.q from known as k where k.query = e.query order by k.impressions desc, k.id limit 1) as k on true;
  -- What extends a passage names what that one answers as well; with nothing open the page has changed since.
  v_open := coalesce(v_open, v_edit.queries);

  return jsonb_build_object(
    'scoring', case when coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'
      then pipeline.draft_scoring(v_edit.page_id, v_threshold) end,
    -- As many as a reader is asked about (crates/draft, limits).
    'is_read', not exists (
      select from unnest(v_open[1:8]) as q (query)
      where not exists (
        select from public.rewrite_recommendations as r cross join jsonb_array_elements(r.verification -> 'queries') as v (v)
        where r.page_id = v_edit.page_id and v.v ->> 'query' = q.query)),
    'desk', jsonb_build_object(
      'page', pipeline.desk_page(v_edit.page_id),
      'segments', pipeline.desk_segments(v_edit.page_id),
      'edits', jsonb_build_array(jsonb_build_object('id', 1, 'kind', v_edit.kind, 'topic_id', 1, 'label', v_edit.label,
        'open_queries', v_open, 'expected_clicks', v_edit.expected_clicks, 'impressions', v_edit.edit -> 'impressions',
        'coverage', v_edit.coverage, 'confidence', v_edit.edit -> 'confidence', 'place', v_edit.edit -> 'place',
        'nearest', pipeline.nearest_segments(v_edit.page_id, v_topic_id))),
      'topics', jsonb_build_array(jsonb_build_object('id', 1, 'kind', 'gap', 'confidence', v_edit.edit -> 'confidence', 'queries', v_queries)),
      'top', 1, 'threshold', v_threshold, 'draft_count', 1,
      'form', case when v_edit.kind = 'new_page' then 'outline' else coalesce(v_parameters ->> 'draft_form', 'text') end));
end;
$$;

revoke execute on function public.site_draft_input(uuid, text) from public, anon, authenticated;
$file$),
('object', 'site/site_drafts_wanted.sql', 'ae2a8f83d1ce61e96041fb592a8acb8c79079c3c064c7287fdf3537a3a2df0e0', array['function pipeline.site_drafts_wanted(uuid)'], $file$-- The edits of a site's plan that its job wants drafted: the first that say something is missing; the others need no new text. One that a
-- reader found answered makes room for the next, so that as many are written as were asked for, of at most twice as many that are read.
create or replace function pipeline.site_drafts_wanted(p_job_id uuid)
returns setof public.site_edits
language sql
stable
set search_path = ''
as $$
  with asked as (
    select coalesce((j.payload ->> 'drafts')::integer, 0) as count from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id),
  ranked as (
    select e.id, row_number() over ranks as place, count(*) filter (where d.status is distinct from 'answered') over ranks as unanswered
    from public.site_edits as e
    left join public.site_drafts as d on d.job_id = e.job_id and d.edit_id = e.id and d.is_of_plan
    where e.job_id = p_job_id and e.kind in ('write', 'extend', 'new_page') and e.queries <> '{}'
    window ranks as (order by e.rank))
  select e.* from ranked as r
  join public.site_edits as e on e.job_id = p_job_id and e.id = r.id
  cross join asked as a
  where r.unanswered <= a.count and r.place <= 2 * a.count
  order by e.rank;
$$;

revoke execute on function pipeline.site_drafts_wanted(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_found_answers.sql', 'f7f5e001f477b47715eb70dc5f779baba581128d796c2adf4b384fa7c275846a', array['function public.site_found_answers(uuid, integer, integer)'], $file$-- Answers found on other pages, to what the pages of a site's job after position p_after are shown for, p_limit of these pages: {last, answers}.
-- last: position of the last of them, null when there are none; answers: text of an array of {page_id, query, other_page_id, coverage, segment_id}.
create or replace function public.site_found_answers(p_job_id uuid, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select jsonb_build_object('last', max(s.position), 'answers', coalesce(
    jsonb_agg(jsonb_build_object('page_id', a.page_id, 'query', a.query, 'other_page_id', a.other_page_id,
      'coverage', a.coverage, 'segment_id', a.segment_id) order by s.position, a.query, a.other_page_id)
    filter (where a.page_id is not null), '[]'::jsonb)::text)
  from (
    select s.page_id, s.position from public.site_pages as s
    where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
    order by s.position limit p_limit) as s
  -- What comes nowhere near an answer changes nothing.
  left join public.site_answers as a on a.job_id = p_job_id and a.page_id = s.page_id and a.coverage >= 0.3;
$$;

revoke execute on function public.site_found_answers(uuid, integer, integer) from public, anon, authenticated;
$file$),
('object', 'site/site_keywords.sql', 'ee42a1d43a44d0a3bd30e3f40b90dd5ad04732c278ccf31c76b9435a00415d63', array['function pipeline.site_keywords(uuid, date, integer)'], $file$-- A page's queries of the last p_days up to p_until and of as many days before; undated totals where a page has no dated rows.
create or replace function pipeline.site_keywords(p_page_id uuid, p_until date, p_days integer)
returns table (
  query text, impressions bigint, clicks bigint, "position" double precision,
  impressions_before bigint, clicks_before bigint, position_before double precision)
language sql
stable
set search_path = ''
as $$
  select g.query,
    coalesce(sum(g.impressions) filter (where v.is_now), 0)::bigint,
    coalesce(sum(g.clicks) filter (where v.is_now), 0)::bigint,
    sum(g.position * greatest(g.impressions, 1)) filter (where v.is_now)
      / sum(greatest(g.impressions, 1)) filter (where v.is_now and g.position is not null),
    sum(g.impressions) filter (where not v.is_now)::bigint,
    sum(g.clicks) filter (where not v.is_now)::bigint,
    sum(g.position * greatest(g.impressions, 1)) filter (where not v.is_now)
      / sum(greatest(g.impressions, 1)) filter (where not v.is_now and g.position is not null)
  from public.gsc_page_query as g
  cross join lateral (select g.date is null or g.date > p_until - p_days as is_now) as v
  where g.page_id = (select pipeline.keyword_page_id(p_page_id))
    and (g.date > p_until - 2 * p_days and g.date <= p_until
      or g.date is null and not exists (
        select from public.gsc_page_query as d where d.page_id = g.page_id and d.query = g.query and d.date is not null))
  group by g.query;
$$;

revoke execute on function pipeline.site_keywords(uuid, date, integer) from public, anon, authenticated;
$file$),
('object', 'site/site_outcomes.sql', 'f7cca244a8439944a4ee3ca5814b949294c78357be9b0d49a066f3fcea694492', array['function public.site_outcomes(uuid)'], $file$-- What was counted before and after the edits of a site's job that were made: an array of {id, kind, url, label, made_at, window_days,
-- is_over, clicks, impressions, position_before, position_after, controls}, one an edit and window of 7, 30 and 90 days; clicks, impressions
-- and controls (the job's pages that nobody edited) are {before, after}. A window that is not over has no figures yet.
create or replace function public.site_outcomes(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with edits as (
    select e.*, e.made_at::date as made_on, w.days as window_days,
      (select max(g.date) from public.gsc_page_query as g where g.page_id = pipeline.keyword_page_id(e.page_id)) as counted_until
    from public.site_edits as e cross join unnest(array[7, 30, 90]) as w (days)
    where e.job_id = p_job_id and e.made_at is not null
  ),
  untouched as (
    select s.page_id from public.site_pages as s
    where s.job_id = p_job_id
      and not exists (select from public.site_edits as m where m.job_id = p_job_id and m.page_id = s.page_id and m.made_at is not null)
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'url', e.edit ->> 'url', 'label', e.label, 'made_at', e.made_at,
      'window_days', e.window_days, 'is_over', coalesce(e.counted_until >= e.made_on + e.window_days, false))
    || case when e.counted_until >= e.made_on + e.window_days then jsonb_build_object(
      'clicks', jsonb_build_object('before', c.clicks_before, 'after', c.clicks_after),
      'impressions', jsonb_build_object('before', c.impressions_before, 'after', c.impressions_after),
      'position_before', c.position_before, 'position_after', c.position_after,
      'controls', (
        select coalesce(jsonb_agg(jsonb_build_object('before', u.clicks_before, 'after', u.clicks_after) order by t.page_id), '[]'::jsonb)
        from untouched as t cross join lateral pipeline.clicks_around(t.page_id, null, e.made_on, e.window_days) as u)) else '{}'::jsonb end
    order by e.rank, e.window_days), '[]'::jsonb)
  from edits as e
  cross join lateral pipeline.clicks_around(e.page_id, e.queries, e.made_on, e.window_days) as c;
$$;

revoke execute on function public.site_outcomes(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_page_inputs.sql', '571d1544a1581724d85e11f2513926cc503237db7833420f4f275bcac21e279e', array['function public.site_page_inputs(uuid, text, integer, integer)'], $file$-- The analysed pages of a site's job after position p_after that lack p_part ('summary' or 'links'): {last, pages}, the position of the
-- last one, null when there are no more, and as text, which is for Rust, the JSON of an array of {id, url, title, page_type, language,
-- topics, edits, segments, links} (crates/site). Queries are counted over the job's period, and over the one before.
create or replace function public.site_page_inputs(p_job_id uuid, p_part text, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with pages as (
    select s.page_id, s.position, s.url, s.page_job_id, k.by_query
    from (
      select * from public.site_pages as s
      where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
        and case p_part when 'summary' then s.summary is null when 'links' then s.links is null end
      order by s.position limit p_limit) as s
    join pipeline.payloads as f on f.pipeline = 'site' and f.job_id = p_job_id and f.stage = 'select_pages'
    cross join lateral (
      select jsonb_object_agg(k.query, to_jsonb(k)) as by_query
      from pipeline.site_keywords(s.page_id, (f.data ->> 'period_end')::date, (f.data ->> 'period_days')::integer) as k) as k
  )
  select jsonb_build_object('last', max(s.position), 'pages', coalesce(jsonb_agg(jsonb_build_object(
    'id', s.page_id, 'url', s.url, 'title', coalesce(p.title, ''), 'language', p.language,
    'page_type', coalesce(j.result -> 'page' -> 'page_type' ->> 'type', ''),
    'topics', (
      select coalesce(jsonb_agg(jsonb_build_object('topic_index', t.id, 'label', t.label, 'kind', coalesce(t.kind, 'answered'),
          'intent', t.intent, 'queries', q.queries) order by t.id), '[]'::jsonb)
      from public.keyword_clusters as t
      cross join lateral (
        select coalesce(jsonb_agg(jsonb_build_object('query', q.q -> 'query',
            'impressions', coalesce(k.k -> 'impressions', q.q -> 'impressions'), 'clicks', coalesce(k.k -> 'clicks', q.q -> 'clicks'),
            -- Unknown: as far down as makes no difference.
            'position', coalesce((k.k ->> 'position')::double precision, (q.q ->> 'position')::double precision, 50),
            'coverage', coalesce((q.q ->> 'coverage')::double precision, 0), 'segment_id', q.q -> 'segment_id',
            'before', case when (k.k ->> 'impressions_before')::bigint > 0 then jsonb_build_object('impressions', k.k -> 'impressions_before',
              'clicks', k.k -> 'clicks_before', 'position', coalesce((k.k ->> 'position_before')::double precision, 50)) end) order by q.ordinality), '[]'::jsonb) as queries
        from jsonb_array_elements(coalesce(t.query_coverage, '[]'::jsonb)) with ordinality as q (q, ordinality)
        cross join lateral (select s.by_query -> (q.q ->> 'query') as k) as k) as q
      where t.page_id = s.page_id),
    'edits', (
      select coalesce(jsonb_agg(jsonb_build_object('kind', coalesce(e.kind, 'write'), 'topic_index', e.cluster_id,
          'reason', coalesce(e.reason, ''), 'open_queries', coalesce(to_jsonb(e.open_queries), '[]'::jsonb),
          'expected_clicks', coalesce(e.expected_clicks, 0), 'confidence', coalesce(e.confidence, 0.5), 'place', e.place)
          order by e.rank), '[]'::jsonb)
      from public.rewrite_recommendations as e where e.page_id = s.page_id),
    'segments', (
      select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'heading_path', e.heading_path, 'text', e.text)
        order by e.position), '[]'::jsonb)
      from public.page_embeddings as e where e.page_id = s.page_id),
    'links', case when p_part = 'links' then (
      select coalesce(jsonb_agg(distinct l.href[1]), '[]'::jsonb)
      from (select c.html from public.crawl_jobs as c where c.page_id = s.page_id and c.html is not null
        order by c.created_at desc limit 1) as c
      -- What stands in the page's own text: menus and footers lead everywhere.
      cross join lateral regexp_matches(
        regexp_replace(c.html, '<(nav|header|footer)[\s>].*?</\1>', '', 'gi'), '<a\s[^>]*?href\s*=\s*["'']([^"''#][^"'']*)', 'gi') as l (href))
      else '[]'::jsonb end)
    order by s.position), '[]'::jsonb)::text)
  from pages as s
  join public.pages as p on p.id = s.page_id
  join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id;
$$;

revoke execute on function public.site_page_inputs(uuid, text, integer, integer) from public, anon, authenticated;
$file$),
('object', 'site/site_page_parts.sql', '36618e166c059d3fca65b9827f9ad9d36d159f736fb95e8d1b572a9c78551f78', array['function public.site_page_parts(uuid, text, integer, integer)'], $file$-- The analysed pages of a site's job after position p_after with their p_part ('summary' or 'sketches'): an array of {position, page_id,
-- part}, the part base64, null where it was not made; at most p_limit of them.
create or replace function public.site_page_parts(p_job_id uuid, p_part text, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('position', s.position, 'page_id', s.page_id, 'has_sketches', s.sketches is not null,
      'part', replace(encode(case p_part when 'summary' then s.summary when 'sketches' then s.sketches end, 'base64'), E'\n', ''))
      order by s.position), '[]'::jsonb)
  from (
    select * from public.site_pages as s
    where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
    order by s.position limit p_limit) as s;
$$;

revoke execute on function public.site_page_parts(uuid, text, integer, integer) from public, anon, authenticated;
$file$),
('object', 'site/site_progress.sql', 'b987f282e80348c0a6fae71aa5154e349226588909f951f65a9d6a025b0c589c', array['function public.site_progress(uuid)'], $file$-- Where a site's job stands: {job_id, status, stage, counts, drafts, estimate, error, facts, minutes_left}. For its owner as well.
create or replace function public.site_progress(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('site', p_job_id);
  -- Pages that ended since are counted before the site's job wakes.
  v_counts jsonb := (
    select jsonb_build_object('total', count(*), 'waiting', count(*) filter (where s.status = 'waiting'),
      'open', count(*) filter (where s.status = 'open' and coalesce(j.status, 'queued') in ('queued', 'processing')),
      'done', count(*) filter (where s.status = 'done' or s.status = 'open' and j.status = 'completed'),
      'reused', count(*) filter (where s.status = 'reused'),
      'failed', count(*) filter (where s.status = 'failed' or s.status = 'open' and j.status in ('failed', 'cancelled')),
      'skipped', count(*) filter (where s.status = 'skipped'))
    from public.site_pages as s
    left join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id
    where s.job_id = p_job_id);
  v_drafts jsonb := pipeline.site_draft_counts(p_job_id);
begin
  return jsonb_build_object('job_id', v_job.id, 'status', v_job.status, 'stage', v_job.stage, 'error', v_job.error, 'counts', v_counts,
    'drafts', v_drafts,
    'facts', (select coalesce(jsonb_object_agg(p.stage, p.data), '{}'::jsonb) from pipeline.payloads as p where p.pipeline = 'site' and p.job_id = p_job_id),
    'stages', (select coalesce(jsonb_agg(jsonb_build_object('stage', s.stage, 'status', s.status, 'attempt_count', s.attempt_count,
        'max_attempts', s.max_attempts, 'next_retry_at', s.next_retry_at, 'started_at', s.started_at,
        'finished_at', s.finished_at, 'last_error', s.last_error)), '[]'::jsonb)
      from pipeline.job_stages as s where s.pipeline = 'site' and s.job_id = p_job_id),
    'minutes_left', round(((
        pipeline.page_seconds() * ((v_counts ->> 'waiting')::integer + (v_counts ->> 'open')::integer)
        + pipeline.draft_seconds() * case
          when v_job.status not in ('queued', 'processing') then 0
          when v_drafts is null then coalesce((v_job.payload ->> 'drafts')::integer, 0) -- there is no plan yet
          else (v_drafts ->> 'wanted')::integer - (v_drafts ->> 'written')::integer - (v_drafts ->> 'skipped')::integer - (v_drafts ->> 'failed')::integer end
      ) / 60)::numeric, 1));
end;
$$;

revoke execute on function public.site_progress(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_report_drafts.sql', '64a3ba740cebbba65e1586bf64c331ea9eb03c541265da9f391aede2d4597101', array['function pipeline.site_report_drafts(uuid)'], $file$-- The drafts of a site's job as its report shows them, by the rank of their edits.
create or replace function pipeline.site_report_drafts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(coalesce(d.draft, '{}'::jsonb)
    || jsonb_build_object('edit_id', d.edit_id, 'status', d.status, 'is_reused', d.is_reused)
    || case when d.verification is not null then jsonb_build_object('verification', d.verification) else '{}'::jsonb end
    || case when d.error is not null then jsonb_build_object('reason', jsonb_build_object(
      'code', coalesce(d.error ->> 'code', 'unexpected_error'), 'message', d.error ->> 'message')) else '{}'::jsonb end
    order by e.rank), '[]'::jsonb)
  from public.site_edits as e
  join public.site_drafts as d on d.job_id = e.job_id and d.edit_id = e.id and d.is_of_plan
  where e.job_id = p_job_id;
$$;

revoke execute on function pipeline.site_report_drafts(uuid) from public, anon, authenticated;
$file$),
('object', 'site/site_result.sql', '5770bd807f1462949b2f2f37fcde8372a8b5684abb8931304fdb48867e67e62e', array['function pipeline.site_result(uuid, jsonb)'], $file$-- What a site's job found, with what the engine knows of it: the job's result.
create or replace function pipeline.site_result(p_job_id uuid, p_report jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select p_report || jsonb_build_object(
    'job', (select jsonb_build_object('id', j.id, 'source', (j.payload -> 'site') - 'urls'::text, 'select', coalesce(j.payload ->> 'select', 'impressions'),
        'created_at', j.created_at)
      from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id),
    'counts', pipeline.site_counts(p_job_id),
    'failed_pages', (select coalesce(jsonb_agg(jsonb_build_object('page_id', s.page_id, 'url', s.url, 'status', s.status, 'error', s.error)
        order by s.position), '[]'::jsonb)
      from public.site_pages as s where s.job_id = p_job_id and s.status in ('failed', 'skipped')),
    'costs', pipeline.site_costs(p_job_id));
$$;

revoke execute on function pipeline.site_result(uuid, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/site_state.sql', 'ffcce127915e890e5bf330479fbf81695af8d93e1c03957cea29db693ea554f9', array['function public.site_state(uuid, text, text)'], $file$-- What stage_site_state kept under a name; null: nothing.
create or replace function public.site_state(p_job_id uuid, p_stage text, p_name text)
returns text
language sql
stable
security definer
set search_path = ''
as $$
  select convert_from(c.state, 'UTF8') from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = p_job_id and c.stage = p_stage || ' ' || p_name;
$$;

revoke execute on function public.site_state(uuid, text, text) from public, anon, authenticated;
$file$),
('object', 'site/site_window.sql', 'e421857a77bbae02392bd70335c593ebfedc1948abf2ee035e94ac6e7a1522ec', array['function pipeline.site_window()'], $file$-- Page jobs of one site's job that may be open at once. Yours to replace; an upgrade puts the default back.
create or replace function pipeline.site_window()
returns integer
language sql
immutable
set search_path = ''
as $$ select 24 $$;

revoke execute on function pipeline.site_window() from public, anon, authenticated;
$file$),
('object', 'site/stage_site_answers.sql', 'f198968e63b2aa2136b1691b73a8f53bb2739f218db35ed8fb74e6bf70a84959', array['function public.stage_site_answers(bigint, integer, jsonb)'], $file$-- Keeps what a page answers of other pages' queries, for the leased site_topics; repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_answers(p_msg_id bigint, p_read_ct integer, p_answers jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into public.site_answers as s (job_id, page_id, query, other_page_id, coverage, segment_id)
    select v_lease.job_id, a.page_id, a.query, a.other_page_id, a.coverage, a.segment_id
    from jsonb_to_recordset(p_answers) as a (page_id uuid, query text, other_page_id uuid, coverage double precision, segment_id bigint)
    on conflict (job_id, page_id, query, other_page_id) do update set coverage = excluded.coverage, segment_id = excluded.segment_id;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_answers(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/stage_site_candidates.sql', 'c3c8e6026938862bfeff284a0e6376f8012be81b244c1529093950f06bbadd5c', array['function public.stage_site_candidates(bigint, integer, jsonb)'], $file$-- Notes where answers are to be looked for, for the leased site_topics: p_candidates is an array of {page_id, queries: [{page_id, query}]}.
-- Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_candidates(p_msg_id bigint, p_read_ct integer, p_candidates jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into public.site_answers (job_id, page_id, query, other_page_id)
    select v_lease.job_id, q.page_id, q.query, c.page_id
    from jsonb_to_recordset(p_candidates) as c (page_id uuid, queries jsonb)
    cross join lateral jsonb_to_recordset(c.queries) as q (page_id uuid, query text)
    on conflict (job_id, page_id, query, other_page_id) do nothing;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_candidates(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/stage_site_draft.sql', 'f2b00834f7900c28faff5125c0de2281088f030f7ebb03b8db58f963149199b3', array['function public.stage_site_draft(bigint, integer, jsonb)'], $file$-- Keeps what the leased site_drafts made of an edit: p_draft is {edit_id, status: written | answered | failed, digest, draft, verification,
-- error}. Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_draft(p_msg_id bigint, p_read_ct integer, p_draft jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    perform pipeline.put_site_draft(v_lease, p_draft ->> 'edit_id', p_draft ->> 'status', p_draft ->> 'digest',
      nullif(p_draft -> 'draft', 'null'), nullif(p_draft -> 'verification', 'null'),
      pipeline.visible_error(nullif(p_draft -> 'error', 'null'), v_lease.user_id), false);
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_draft(bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/stage_site_pages.sql', 'a58981dd83f35ee8bab9d2569344b4db25907d9f6dc2fc608b74b5f2e30118fe', array['function public.stage_site_pages(text, bigint, integer, jsonb)'], $file$-- Keeps what was made of pages, for the leased stage: p_pages is an array of {page_id} with summary or sketches (base64), or links.
-- Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_pages(p_stage text, p_msg_id bigint, p_read_ct integer, p_pages jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', p_stage, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    update public.site_pages as s
    set summary = coalesce(decode(g.summary, 'base64'), s.summary), sketches = coalesce(decode(g.sketches, 'base64'), s.sketches),
      links = coalesce(g.links, s.links)
    from jsonb_to_recordset(p_pages) as g (page_id uuid, summary text, sketches text, links jsonb)
    where s.job_id = v_lease.job_id and s.page_id = g.page_id;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_pages(text, bigint, integer, jsonb) from public, anon, authenticated;
$file$),
('object', 'site/stage_site_state.sql', '3a080b9efdcb92a6264c32a8dff2c4510aa3ac2d13457c3dddfc1ae5ddcb31d3', array['function public.stage_site_state(text, bigint, integer, text, text)'], $file$-- Keeps where a leased stage of a site's job stands, under a name, as text. Returns {status}.
create or replace function public.stage_site_state(p_stage text, p_msg_id bigint, p_read_ct integer, p_name text, p_state text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', p_stage, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into pipeline.stage_checkpoints (pipeline, job_id, stage, digest, state)
    values ('site', v_lease.job_id, p_stage || ' ' || p_name, '', convert_to(p_state, 'UTF8'))
    on conflict (job_id, stage) do update set state = excluded.state;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_state(text, bigint, integer, text, text) from public, anon, authenticated;
$file$),
('object', 'site/start_due_sites.sql', 'ea04a91e6a574cafaf1132d5e8bf3586899993c7b27dc94410899ef1fad60751', array['function pipeline.start_due_sites()'], $file$-- Makes the site jobs that are due by their schedules; how many. One whose last job is still open waits for it; one that is refused, as by its
-- owner's ceilings, is tried again an hour later and says why.
create or replace function pipeline.start_due_sites()
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v public.site_schedules;
  v_job_id uuid;
  v_count integer := 0;
begin
  for v in
    select s.* from public.site_schedules as s
    where s.next_at <= pipeline.now()
      and not exists (select from pipeline.jobs as j where j.pipeline = 'site' and j.id = s.job_id and j.is_open)
    order by s.next_at
    for update skip locked
  loop
    begin
      v_job_id := (public.create_site_job(
        v.request || jsonb_build_object('idempotency_key', format('schedule %s %s', v.id, extract(epoch from v.next_at))), v.user_id) ->> 'job_id')::uuid;
      -- What was missed while nothing ran is not made up for.
      update public.site_schedules as s
      set job_id = v_job_id, error = null,
        next_at = v.next_at + make_interval(days =>
          v.every_days * (floor(extract(epoch from pipeline.now() - v.next_at) / 86400 / v.every_days)::integer + 1))
      where s.id = v.id;
      v_count := v_count + 1;
    exception when others then
      update public.site_schedules as s set error = sqlerrm, next_at = pipeline.now() + interval '1 hour' where s.id = v.id;
    end;
  end loop;
  return v_count;
end;
$$;

revoke execute on function pipeline.start_due_sites() from public, anon, authenticated;
$file$),
('object', 'steps/ack_message.sql', 'f85da97dac95919a388067f538cda1ec7ad9aa0dd70138723c0962d99cf5eee8', array['function public.ack_message(text, bigint, integer)'], $file$-- Archives a message; false when it was gone already, or is another worker's now.
create or replace function public.ack_message(p_queue text, p_msg_id bigint, p_read_ct integer default null)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  return pipeline.holds_message(p_queue, p_msg_id, p_read_ct) and pgmq.archive(p_queue, p_msg_id);
end;
$$;

revoke execute on function public.ack_message(text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'steps/complete_stage.sql', 'd885611336d60685c54f32b00273138d929d3cd2579401fa3a806c3e6b11c3b4', array['function public.complete_stage(text, uuid, text, integer)'], $file$-- Marks a stage as done; false when it was not running, or runs under another delivery.
create or replace function public.complete_stage(p_pipeline text, p_job_id uuid, p_stage text, p_read_ct integer default null)
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
  set status = 'completed', finished_at = v_now, lease_expires_at = null, last_error = null, silent_count = 0
  where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage and status = 'processing'
    and read_ct = coalesce(p_read_ct, read_ct)
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

revoke execute on function public.complete_stage(text, uuid, text, integer) from public, anon, authenticated;
$file$),
('object', 'steps/dead_letter_message.sql', '41357a27db4d2f855f830dcdbed1645280b6144f1f9f9bca8ea739ca1540efe2', array['function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer, integer)'], $file$-- Moves a message to the dead letters; moving it twice gives the same letter, and nothing happens to another worker's.
create or replace function public.dead_letter_message(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_message jsonb,
  p_reason text, p_details jsonb default null, p_attempt_count integer default 0, p_read_ct integer default null
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
  if not pipeline.holds_message(p_queue, p_msg_id, p_read_ct) then
    select d.id into v_id from pipeline.dead_letters as d
    where d.pipeline = v_pipeline and d.msg_id = p_msg_id and d.job_id is not distinct from p_job_id
    order by d.id desc limit 1;
    return v_id;
  end if;
  perform 1 from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  return pipeline.bury(v_pipeline, p_queue, p_msg_id, p_message, p_job_id, p_stage, p_reason, p_details, p_attempt_count);
end;
$$;

revoke execute on function public.dead_letter_message(text, bigint, uuid, text, jsonb, text, jsonb, integer, integer) from public, anon, authenticated;
$file$),
('object', 'steps/dequeue_stage.sql', 'aa8c5d2263b012e94a17c55f971cb05067ed931e41d127f03dca86ed2938f4b9', array['function public.dequeue_stage(text, integer, text)'], $file$-- The next message of any stage, or of p_stage; null when there is none.
create or replace function public.dequeue_stage(p_queue text, p_visibility_seconds integer default 600, p_stage text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.take_message(
    pipeline.pipeline_of(p_queue), p_queue, p_stage, greatest(coalesce(p_visibility_seconds, 600), 1));
begin
  if v_lease.msg_id is null then
    return null;
  end if;
  return jsonb_build_object('msg_id', v_lease.msg_id, 'read_ct', v_lease.read_ct, 'message', v_lease.message);
end;
$$;

revoke execute on function public.dequeue_stage(text, integer, text) from public, anon, authenticated;
$file$),
('object', 'steps/enqueue_stage.sql', '6096e1b006af3a71e55f7a889c6505d293e151c3cfcd9e91f8d06803ab6bfd57', array['function public.enqueue_stage(text, uuid, text, jsonb, integer, integer, bigint, integer)'], $file$-- Queues a stage of a job; null when the job is finished, which only a replay changes, or when the caller names the message
-- it works on (p_msg_id, p_read_ct) and that is no longer its own.
create or replace function public.enqueue_stage(
  p_queue text, p_job_id uuid, p_stage text, p_payload jsonb default '{}'::jsonb,
  p_priority integer default 0, p_delay_seconds integer default 0, p_msg_id bigint default null, p_read_ct integer default null
)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_pipeline text := pipeline.pipeline_of(p_queue);
  v_is_open boolean;
begin
  if p_msg_id is not null and not pipeline.holds_message(p_queue, p_msg_id, p_read_ct) then
    return null;
  end if;
  select j.is_open into v_is_open from pipeline.jobs as j where j.pipeline = v_pipeline and j.id = p_job_id for update;
  if not found then
    raise exception 'there is no job % in pipeline %', p_job_id, v_pipeline using errcode = 'P0002';
  elsif not v_is_open then
    return null;
  end if;
  return pipeline.queue_stage(v_pipeline, p_job_id, p_stage, p_payload, p_priority,
    make_interval(secs => greatest(coalesce(p_delay_seconds, 0), 0)));
end;
$$;

revoke execute on function public.enqueue_stage(text, uuid, text, jsonb, integer, integer, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'steps/extend_message_visibility.sql', '3c5ddaa671dbccd96154077e87f619436a47548c8143d87433567c94e3f1f3f2', array['function public.extend_message_visibility(text, bigint, integer, integer)'], $file$create or replace function public.extend_message_visibility(
  p_queue text, p_msg_id bigint, p_seconds integer default 300, p_read_ct integer default null
)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_until timestamptz := pipeline.now() + make_interval(secs => greatest(p_seconds, 1));
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  if v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    return false;
  end if;
  perform pipeline.set_message(p_queue, p_msg_id, v_message.message, v_until);
  update pipeline.job_stages as s set lease_expires_at = v_until
  where s.pipeline = pipeline.pipeline_of(p_queue) and s.msg_id = p_msg_id and s.status = 'processing'
    and s.job_id::text = v_message.message ->> 'job_id' and s.stage = v_message.message ->> 'stage';
  return true;
end;
$$;

revoke execute on function public.extend_message_visibility(text, bigint, integer, integer) from public, anon, authenticated;
$file$),
('object', 'steps/holds_message.sql', 'b72e2ac9ce23c219ea7ecc7d9e4206296d0d9acbff8a4a5e1d71e7b837e63f60', array['function pipeline.holds_message(text, bigint, integer)'], $file$-- Whether the message is still the caller's: it is there, and was delivered to nobody else since. A caller that does not
-- name its delivery is believed. The message is locked.
create or replace function pipeline.holds_message(p_queue text, p_msg_id bigint, p_read_ct integer)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_message pipeline.message := pipeline.lock_message(p_queue, p_msg_id);
begin
  return v_message.msg_id is not null and v_message.read_ct = coalesce(p_read_ct, v_message.read_ct);
end;
$$;

revoke execute on function pipeline.holds_message(text, bigint, integer) from public, anon, authenticated;
$file$),
('object', 'steps/record_stage_failure.sql', '1a47f0a3f73e878e94241bedcbc2b73b49ec7a51cbdc0ae78c63f42594089efb', array['function public.record_stage_failure(text, uuid, text, jsonb, integer)'], $file$-- Records why the running attempt failed; what happens next (requeue or dead letter) is the worker's next step. Nothing is
-- recorded for a worker whose message is another one's now.
create or replace function public.record_stage_failure(
  p_pipeline text, p_job_id uuid, p_stage text, p_error jsonb, p_read_ct integer default null
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_stage pipeline.job_stages;
  v_user_id uuid;
begin
  select j.user_id into v_user_id from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  select * into v_stage from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  if v_stage.read_ct = coalesce(p_read_ct, v_stage.read_ct) and v_stage.status in ('queued', 'processing') then
    update pipeline.jobs set last_failed_at = v_now where pipeline = p_pipeline and id = p_job_id;
    perform pipeline.keep_error(p_pipeline, p_job_id, p_stage, p_error);
    update pipeline.job_stages set last_error = pipeline.visible_error(p_error, v_user_id)
    where pipeline = p_pipeline and job_id = p_job_id and stage = p_stage;
    perform pipeline.log_event(p_pipeline, p_job_id, p_stage, 'failed',
      format('%s failed: %s', p_stage, pipeline.visible_error(p_error, v_user_id) ->> 'message'),
      jsonb_build_object('attempt', v_stage.attempt_count, 'error', pipeline.visible_error(p_error, v_user_id)));
  end if;
  return jsonb_build_object('attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts);
end;
$$;

revoke execute on function public.record_stage_failure(text, uuid, text, jsonb, integer) from public, anon, authenticated;
$file$),
('object', 'steps/requeue_stage.sql', '77f432fa124b83f5cccf084226b540488a29605d145205f76ea6ecefe6c01bdd', array['function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer, integer)'], $file$-- Puts the message back for later, with its place in line and its attempts. Returns its id, null when it is gone or
-- another worker's.
create or replace function public.requeue_stage(
  p_queue text, p_msg_id bigint, p_job_id uuid, p_stage text, p_payload jsonb default null,
  p_delay_seconds integer default 0, p_priority integer default null, p_read_ct integer default null
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
  v_message pipeline.message := pipeline.lock_own_message(p_queue, p_msg_id, p_job_id, p_stage);
  v_job pipeline.jobs;
begin
  if v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    return null;
  end if;
  update pipeline.jobs set status = 'queued', last_queued_at = v_now
  where pipeline = v_pipeline and id = p_job_id and is_open
  returning * into v_job;
  perform pipeline.set_message(p_queue, p_msg_id, pipeline.put_to_sleep(
    v_message.message
      || case when p_payload is null then '{}'::jsonb else jsonb_build_object('payload', p_payload) end
      || case when p_priority is null then '{}'::jsonb else jsonb_build_object('priority', p_priority,
           'rank', pipeline.rank_of(pipeline.place_job(v_job), v_job.created_at, p_priority)) end,
    v_until, v_now), v_until);
  update pipeline.job_stages
  set status = 'queued', lease_expires_at = null, available_at = v_until, silent_count = 0,
      next_retry_at = case when attempt_count > 0 then v_until end, priority = coalesce(p_priority, priority)
  where pipeline = v_pipeline and job_id = p_job_id and stage = p_stage and msg_id = p_msg_id
    and status in ('queued', 'processing');
  perform pipeline.log_event(v_pipeline, p_job_id, p_stage, 'requeued', format('%s requeued', p_stage),
    jsonb_build_object('msg_id', p_msg_id, 'delay_seconds', coalesce(p_delay_seconds, 0)));
  return p_msg_id;
end;
$$;

revoke execute on function public.requeue_stage(text, bigint, uuid, text, jsonb, integer, integer, integer) from public, anon, authenticated;
$file$),
('object', 'steps/start_stage.sql', 'be846f9be0a2b71eaac8f70d944225f3d75ce63d35c065d8fb2740f1e4ccfd96', array['function public.start_stage(text, uuid, text, integer)'], $file$-- Counts an attempt of a stage whose message this worker holds. Raises 55000 when the job is finished, or the message
-- is another worker's now.
create or replace function public.start_stage(p_pipeline text, p_job_id uuid, p_stage text, p_read_ct integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_msg_id bigint;
  v_stage pipeline.job_stages;
  v_message pipeline.message;
  v_status text;
begin
  select s.msg_id into v_msg_id from pipeline.job_stages as s
  where s.pipeline = p_pipeline and s.job_id = p_job_id and s.stage = p_stage;
  if not found then
    raise exception 'job % has no stage % in pipeline %', p_job_id, p_stage, p_pipeline using errcode = 'P0002';
  end if;
  v_message := pipeline.lock_own_message(pipeline.queue_of(p_pipeline), v_msg_id, p_job_id, p_stage);
  select j.status into v_status from pipeline.jobs as j where j.pipeline = p_pipeline and j.id = p_job_id for update;
  if v_status in ('completed', 'failed', 'cancelled') then
    raise exception 'job % is %', p_job_id, v_status using errcode = '55000';
  elsif v_message.msg_id is null or v_message.read_ct <> coalesce(p_read_ct, v_message.read_ct) then
    raise exception 'the message of stage % of job % is another worker''s now', p_stage, p_job_id using errcode = '55000';
  end if;
  v_stage := pipeline.mark_started(p_pipeline, p_job_id, p_stage, v_msg_id, v_message.read_ct, v_message.vt, pipeline.now());
  return jsonb_build_object(
    'attempt_count', v_stage.attempt_count, 'max_attempts', v_stage.max_attempts,
    'retry_delay_seconds', v_stage.retry_delay_seconds, 'max_retry_delay_seconds', v_stage.max_retry_delay_seconds,
    'priority', v_stage.priority);
end;
$$;

revoke execute on function public.start_stage(text, uuid, text, integer) from public, anon, authenticated;
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
('object', 'views/v_pageperfect_costs.sql', 'f3f88b3f0bf89d5b926c9c2e1413f615f0f247473414a319ffceeca561b2d995', array['view public.v_pageperfect_costs'], $file$create or replace view public.v_pageperfect_costs
with (security_invoker = true)
as
select (u.created_at at time zone 'utc')::date as day, j.url, u.stage, u.provider, u.model,
  count(distinct u.job_id) as job_count, sum(u.call_count) as call_count,
  sum(u.input_tokens) as input_tokens, sum(u.output_tokens) as output_tokens,
  sum(u.cost_usd) as cost_usd, count(*) filter (where u.cost_usd is null) as unpriced_count
from public.model_usage as u
join pipeline.jobs as j on j.pipeline = u.pipeline and j.id = u.job_id
group by 1, 2, 3, 4, 5
union all
select h.day, null, h.stage, h.provider, h.model, h.job_count, h.call_count, h.input_tokens, h.output_tokens, h.cost_usd,
  h.unpriced_count
from public.model_usage_history as h
order by 1 desc, 2, 3;
comment on view public.v_pageperfect_costs is
  'Per day, page (of a site''s job its source; null for jobs that are deleted), stage and model: tokens and dollars; unpriced_count rows have no price and are missing from cost_usd';

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
('object', 'views/v_pageperfect_throughput.sql', '00543f8a2ff51e1bbc1bed4cb788c2eb720605dad013babf59fdf6a42d0f1609', array['view public.v_pageperfect_throughput'], $file$create or replace view public.v_pageperfect_throughput
with (security_invoker = true)
as
select date_trunc('hour', e.created_at, 'UTC') as hour, e.stage,
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
('object', 'web/api.sql', '1552a44fd3a1714f74fa9944f9cbbb02cc3b1f2afaf2a2d5c380c338c983eda6', array['function public.cancel_matching(jsonb, bigint)', 'function public.cancel_own_job(text, uuid)', 'function public.count_open_jobs(jsonb)', 'function public.decide_edit(uuid, bigint, text, text, text, text)', 'function public.get_analysis_input(uuid)', 'function public.get_costs(integer)', 'function public.get_embeddings(uuid, text[])', 'function public.get_estimate(jsonb)', 'function public.get_job_timeline(text, uuid)', 'function public.get_operations()', 'function public.get_passages(uuid)', 'function public.get_report(uuid)', 'function public.get_segments(uuid)', 'function public.get_site_outcomes(uuid)', 'function public.get_site_plan(uuid)', 'function public.get_site_progress(uuid)', 'function public.get_throughput(integer)', 'function public.list_dead_letters(jsonb)', 'function public.list_jobs(jsonb, integer, text)', 'function public.list_members()', 'function public.list_pages(text, integer)', 'function public.replay_letter(text, bigint)', 'function public.replay_matching(jsonb, bigint)', 'function public.retry_own_site_job(uuid)', 'function public.set_member(text, text)', 'function public.set_stages_enabled(text, text[], boolean)', 'function public.whoami()'], $file$-- What the API serves to signed-in users: functions of `access` under their own names, which check the caller and have their
-- owner's rights; these have the caller's, since a function of the API with its owner's would be open to anybody.

create or replace function public.cancel_matching(p_filters jsonb, p_expected bigint) returns jsonb
language sql set search_path = '' as $$ select access.cancel_matching(p_filters, p_expected) $$;
revoke execute on function public.cancel_matching(jsonb, bigint) from public, anon, authenticated;

create or replace function public.cancel_own_job(p_pipeline text, p_job_id uuid) returns jsonb
language sql set search_path = '' as $$ select access.cancel_own_job(p_pipeline, p_job_id) $$;
revoke execute on function public.cancel_own_job(text, uuid) from public, anon, authenticated;

create or replace function public.count_open_jobs(p_filters jsonb) returns bigint
language sql stable set search_path = '' as $$ select access.count_open_jobs(p_filters) $$;
revoke execute on function public.count_open_jobs(jsonb) from public, anon, authenticated;

create or replace function public.decide_edit(p_job_id uuid, p_edit_id bigint, p_decision text, p_label text default null, p_reason text default null, p_body_markdown text default null) returns jsonb
language sql set search_path = '' as $$ select access.decide_edit(p_job_id, p_edit_id, p_decision, p_label, p_reason, p_body_markdown) $$;
revoke execute on function public.decide_edit(uuid, bigint, text, text, text, text) from public, anon, authenticated;

create or replace function public.get_analysis_input(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_analysis_input(p_job_id) $$;
revoke execute on function public.get_analysis_input(uuid) from public, anon, authenticated;

create or replace function public.get_costs(p_days integer default 30) returns jsonb
language sql stable set search_path = '' as $$ select access.get_costs(p_days) $$;
revoke execute on function public.get_costs(integer) from public, anon, authenticated;

create or replace function public.get_embeddings(p_job_id uuid, p_texts text[]) returns jsonb
language sql stable set search_path = '' as $$ select access.get_embeddings(p_job_id, p_texts) $$;
revoke execute on function public.get_embeddings(uuid, text[]) from public, anon, authenticated;

create or replace function public.get_estimate(p_request jsonb) returns jsonb
language sql stable set search_path = '' as $$ select access.get_estimate(p_request) $$;
revoke execute on function public.get_estimate(jsonb) from public, anon, authenticated;

create or replace function public.get_job_timeline(p_pipeline text, p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_job_timeline(p_pipeline, p_job_id) $$;
revoke execute on function public.get_job_timeline(text, uuid) from public, anon, authenticated;

create or replace function public.get_operations() returns jsonb
language sql stable set search_path = '' as $$ select access.get_operations() $$;
revoke execute on function public.get_operations() from public, anon, authenticated;

create or replace function public.get_passages(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_passages(p_job_id) $$;
revoke execute on function public.get_passages(uuid) from public, anon, authenticated;

create or replace function public.get_report(p_job_id uuid) returns json
language sql stable set search_path = '' as $$ select access.get_report(p_job_id) $$;
revoke execute on function public.get_report(uuid) from public, anon, authenticated;

create or replace function public.get_segments(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_segments(p_job_id) $$;
revoke execute on function public.get_segments(uuid) from public, anon, authenticated;

create or replace function public.get_site_outcomes(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_outcomes(p_job_id) $$;
revoke execute on function public.get_site_outcomes(uuid) from public, anon, authenticated;

create or replace function public.get_site_plan(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_plan(p_job_id) $$;
revoke execute on function public.get_site_plan(uuid) from public, anon, authenticated;

create or replace function public.get_site_progress(p_job_id uuid) returns jsonb
language sql stable set search_path = '' as $$ select access.get_site_progress(p_job_id) $$;
revoke execute on function public.get_site_progress(uuid) from public, anon, authenticated;

create or replace function public.get_throughput(p_hours integer default 48) returns jsonb
language sql stable set search_path = '' as $$ select access.get_throughput(p_hours) $$;
revoke execute on function public.get_throughput(integer) from public, anon, authenticated;

create or replace function public.list_dead_letters(p_filters jsonb default '{}') returns jsonb
language sql stable set search_path = '' as $$ select access.list_dead_letters(p_filters) $$;
revoke execute on function public.list_dead_letters(jsonb) from public, anon, authenticated;

create or replace function public.list_jobs(p_filters jsonb default '{}', p_limit integer default 50, p_cursor text default null) returns jsonb
language sql stable set search_path = '' as $$ select access.list_jobs(p_filters, p_limit, p_cursor) $$;
revoke execute on function public.list_jobs(jsonb, integer, text) from public, anon, authenticated;

create or replace function public.list_members() returns jsonb
language sql stable set search_path = '' as $$ select access.list_members() $$;
revoke execute on function public.list_members() from public, anon, authenticated;

create or replace function public.list_pages(p_search text default null, p_limit integer default 100) returns jsonb
language sql stable set search_path = '' as $$ select access.list_pages(p_search, p_limit) $$;
revoke execute on function public.list_pages(text, integer) from public, anon, authenticated;

create or replace function public.replay_letter(p_pipeline text, p_dead_letter_id bigint) returns jsonb
language sql set search_path = '' as $$ select access.replay_letter(p_pipeline, p_dead_letter_id) $$;
revoke execute on function public.replay_letter(text, bigint) from public, anon, authenticated;

create or replace function public.replay_matching(p_filters jsonb, p_expected bigint) returns jsonb
language sql set search_path = '' as $$ select access.replay_matching(p_filters, p_expected) $$;
revoke execute on function public.replay_matching(jsonb, bigint) from public, anon, authenticated;

create or replace function public.retry_own_site_job(p_job_id uuid) returns jsonb
language sql set search_path = '' as $$ select access.retry_own_site_job(p_job_id) $$;
revoke execute on function public.retry_own_site_job(uuid) from public, anon, authenticated;

create or replace function public.set_member(p_email text, p_role text) returns jsonb
language sql set search_path = '' as $$ select access.set_member(p_email, p_role) $$;
revoke execute on function public.set_member(text, text) from public, anon, authenticated;

create or replace function public.set_stages_enabled(p_pipeline text, p_stages text[], p_enabled boolean) returns jsonb
language sql set search_path = '' as $$ select access.set_stages_enabled(p_pipeline, p_stages, p_enabled) $$;
revoke execute on function public.set_stages_enabled(text, text[], boolean) from public, anon, authenticated;

create or replace function public.whoami() returns jsonb
language sql stable set search_path = '' as $$ select access.whoami() $$;
revoke execute on function public.whoami() from public, anon, authenticated;
$file$),
('object', '1_pipelines.sql', 'f1a18e1bf029f997be4762a662885486c835032b9746f1fa525530b4b9e36475', array['file 1_pipelines.sql'], $file$-- Queues, partitions and the functions on them, whole again if a dump or a hand took parts of them away.
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
('object', '2_tables.sql', '75cc52aa495859448a5f7c0a55c41f7ad3ff190f6ad9d810e0280399f452455c', array['file 2_tables.sql'], $file$-- Who may do what. Nothing is reachable by anon. A signed-in user reads their own jobs and pages and what hangs on them.
-- Everything else belongs to service_role. Right under both of Supabase's default-privilege regimes: all is revoked
-- first, then granted by name. Views and what is not of the API have their grants beside them.

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

-- The API's functions are the service's. What signed-in users may call as well stands in the folder web, and hands on to
-- functions of `access` that check the caller.
do $$
declare
  v record;
begin
  for v in
    select o.identity, case when o.path like 'web/%' then 'authenticated, service_role' else 'service_role' end as roles
    from pipeline.objects as o
    where o.identity like 'function public.%' and to_regprocedure(substr(o.identity, 10)) is not null
  loop
    execute format('grant execute on %s to %s', v.identity, v.roles);
  end loop;
end;
$$;
$file$),
('object', '3_policies.sql', '1b1e05b7c61e2f233edaad7cc411178c75910b0c96f6cbef7e570c549dcd0744', array['file 3_policies.sql'], $file$-- What a signed-in user may read: their own jobs and pages, and what hangs on them; a member (access.members), everybody's.
do $$
declare
  v_table text;
begin
  drop policy if exists "Users read their own jobs" on public.pageperfect_jobs;
  create policy "Users read their own jobs" on public.pageperfect_jobs
    for select to authenticated using (user_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.pageperfect_jobs to authenticated;

  foreach v_table in array array['pageperfect_job_stages', 'pageperfect_job_events'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.pageperfect_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
    execute format('grant select on public.%I to authenticated', v_table);
  end loop;

  -- Plans of sites: the jobs, what became of their pages, and their edits.
  drop policy if exists "Users read their own jobs" on public.site_jobs;
  create policy "Users read their own jobs" on public.site_jobs
    for select to authenticated using (user_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.site_jobs to authenticated;
  foreach v_table in array array['site_job_stages', 'site_job_events', 'site_pages', 'site_edits', 'site_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.site_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
  end loop;
  grant select on public.site_job_stages, public.site_job_events, public.site_edits, public.site_drafts to authenticated;
  -- Not what is packed for Rust.
  grant select (job_id, page_id, position, url, last_modified, impressions, status, page_job_id, links, error, created_at)
    on public.site_pages to authenticated;

  drop policy if exists "Users read their own pages" on public.pages;
  create policy "Users read their own pages" on public.pages
    for select to authenticated using (owner_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.pages to authenticated;

  foreach v_table in array array['crawl_jobs', 'gsc_page_query', 'page_embeddings', 'keyword_clusters',
    'rewrite_recommendations', 'rewrite_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own pages" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own pages" on public.%I for select to authenticated
         using (exists (select 1 from public.pages as p where p.id = %I.page_id and p.owner_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
    if v_table <> 'crawl_jobs' then
      execute format('grant select on public.%I to authenticated', v_table);
    end if;
  end loop;
  -- What a crawl found out, not the megabytes of HTML that it brought.
  grant select (id, page_id, job_id, url, status, attempt_count, max_attempts, queued_at, html_length, http_status, final_url,
    content_type, provider, processing_time_ms, error, finished_at, created_at) on public.crawl_jobs to authenticated;

  -- A letter carries the message that failed, and may be of a job that is gone: for members alone.
  drop policy if exists "Members read dead letters" on public.pageperfect_dead_letters;
  create policy "Members read dead letters" on public.pageperfect_dead_letters
    for select to authenticated using ((select access.is_member()));
  grant select on public.pageperfect_dead_letters to authenticated;
end;
$$;
$file$),
('object', '4_schedules.sql', '352c89bad299d149ad7b66c0da27f8c6ac5de6d6b1093f394ac10fcdeec6b11f', array['file 4_schedules.sql'], $file$-- Makes the schedules, as far as the project has what they need; deploy shows what is missing.
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
          elsif v_identity like 'function %' then
            execute 'drop ' || replace(v_identity, 'function ', 'function if exists ');
          end if;
        end loop;
        execute v_text;
      end;
    exception when others then
      get stacked diagnostics v_state = returned_sqlstate, v_message = message_text, v_detail = pg_exception_detail,
        v_hint = pg_exception_hint, v_context = pg_exception_context;
      raise exception '%: %', v_file.name, v_message || coalesce(E'\n' || nullif(v_hint, ''), '') using errcode = v_state,
        detail = v_detail || case when v_context like '%line%' then E'\n' || left(v_context, 500) else '' end, hint = v_hint;
    end;
    perform set_config('search_path', '', true);
    if v_file.kind = 'migration' or v_file.kind = 'mark' then
      insert into pipeline.migrations (name, sha256) values (v_file.name, v_file.sha256) on conflict do nothing;
    else
      foreach v_identity in array v_file.identities loop
        -- As Postgres writes it, whichever way the file does.
        v_identity := case
          when v_identity like 'file %' then v_identity
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
  -- Migrations give the project's own tables columns as well.
  update pipeline.adopted_tables as t
  set added_columns = t.added_columns || array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = to_regclass(format('public.%I', t.name)) and a.attnum > 0 and not a.attisdropped
      and not (v_columns -> t.name) ? a.attname::text and a.attname <> all (t.added_columns));

  foreach v_text in array v_later loop
    begin
      execute v_text;
    exception when duplicate_object then null;
    end;
  end loop;
  -- What the project's own tables were open to, they stay open to.
  for v_table in
    select r.name, r.has_policies, g."right", g."to"
    from jsonb_to_recordset(coalesce(v_rights, '[]')) as r (name text, has_policies boolean, grants jsonb)
    left join jsonb_to_recordset(case jsonb_typeof(r.grants) when 'array' then r.grants else '[]' end) as g ("right" text, "to" text) on true
  loop
    if not v_table.has_policies then
      execute format('alter table public.%I disable row level security', v_table.name);
    end if;
    if v_table."right" is not null then
      execute format('grant %s on public.%I to %s', v_table."right", v_table.name, v_table."to");
    end if;
  end loop;

  
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;

-- Drops what this version no longer has. A statement of its own, after the functions are deployed: until then workers of
-- the version before are at work. supabase/schema.ts puts the paths in.
do $pageperfect$
declare
  v_object record;
begin
  perform set_config('search_path', '', true);
  perform set_config('lock_timeout', '20s', true);
  -- A name of ours on which something of the project's own depends is left to it.
  for v_object in
    select o.identity from pipeline.objects as o
    where o.path not in ('access/cancel_matching.sql', 'access/cancel_own_job.sql', 'access/count_open_jobs.sql', 'access/decide_edit.sql', 'access/get_analysis_input.sql', 'access/get_costs.sql', 'access/get_embeddings.sql', 'access/get_estimate.sql', 'access/get_job_timeline.sql', 'access/get_operations.sql', 'access/get_passages.sql', 'access/get_report.sql', 'access/get_segments.sql', 'access/get_site_outcomes.sql', 'access/get_site_plan.sql', 'access/get_site_progress.sql', 'access/get_throughput.sql', 'access/is_member.sql', 'access/is_operator.sql', 'access/list_dead_letters.sql', 'access/list_jobs.sql', 'access/list_members.sql', 'access/list_pages.sql', 'access/matching_dead_letters.sql', 'access/matching_jobs.sql', 'access/own_job.sql', 'access/replay_letter.sql', 'access/replay_matching.sql', 'access/require_count.sql', 'access/require_member.sql', 'access/require_operator.sql', 'access/retry_own_site_job.sql', 'access/set_member.sql', 'access/set_stages_enabled.sql', 'access/visible_job.sql', 'access/whoami.sql', 'content/create_content_job.sql', 'crawl/commit_crawl.sql', 'crawl/crawl_is_pending.sql', 'crawl/crawls_per_host.sql', 'crawl/input_crawl.sql', 'crawl/on_crawl.sql', 'crawl/on_wait_crawl.sql', 'crawl/prune_crawls.sql', 'crawl/submit_crawl.sql', 'crawl/submit_crawls.sql', 'engine/add_pipeline.sql', 'engine/admit_waiting.sql', 'engine/adopt_message.sql', 'engine/bury.sql', 'engine/claim_stage.sql', 'engine/claim_stages.sql', 'engine/close_job.sql', 'engine/commit_and_claim.sql', 'engine/commit_stage.sql', 'engine/defer_stage.sql', 'engine/enter_lane.sql', 'engine/extend_lease.sql', 'engine/fail_stage.sql', 'engine/finish_stage.sql', 'engine/guard_job.sql', 'engine/insert_event.sql', 'engine/job.sql', 'engine/keep_error.sql', 'engine/lane_of.sql', 'engine/lock_commit.sql', 'engine/lock_lease.sql', 'engine/lock_own_message.sql', 'engine/log_event.sql', 'engine/note_silence.sql', 'engine/now.sql', 'engine/pipeline_of.sql', 'engine/place_job.sql', 'engine/put_to_sleep.sql', 'engine/queue_of.sql', 'engine/queue_stage.sql', 'engine/rank_of.sql', 'engine/refusal.sql', 'engine/reopen_job.sql', 'engine/set_queue_name.sql', 'engine/set_updated_at.sql', 'engine/take_message.sql', 'engine/tell_hook.sql', 'engine/visible_error.sql', 'engine/wake_stage.sql', 'engine/wake_time.sql', 'engine/write_pipeline_functions.sql', 'models/announce_model_calls.sql', 'models/begin_model_call.sql', 'models/bucket_level.sql', 'models/bucket_refill.sql', 'models/bucket_size.sql', 'models/embedding_cache_get.sql', 'models/embedding_cache_missing.sql', 'models/embedding_cache_put.sql', 'models/end_model_call.sql', 'models/keep_model_usage.sql', 'models/model_cost.sql', 'models/model_metrics.sql', 'models/note_model_call.sql', 'models/prune_embedding_cache.sql', 'models/wait_for_dollars.sql', 'operations/cancel_job.sql', 'operations/check_invariants.sql', 'operations/dispatch_plan.sql', 'operations/erase_user.sql', 'operations/latest_payload.sql', 'operations/mend_pipelines.sql', 'operations/pipeline_metrics.sql', 'operations/prune.sql', 'operations/ready_count.sql', 'operations/reap_expired_leases.sql', 'operations/replay_dead_letter.sql', 'operations/replay_dead_letters.sql', 'operations/stage_metrics.sql', 'operations/stuck.sql', 'owners/admit_passages.sql', 'owners/check_quota.sql', 'owners/count_usage.sql', 'pageperfect/analysis_drafts.sql', 'pageperfect/analysis_edits.sql', 'pageperfect/analysis_method.sql', 'pageperfect/commit_advice.sql', 'pageperfect/commit_gap_analysis.sql', 'pageperfect/commit_keyword_clustering.sql', 'pageperfect/commit_rewrite_draft.sql', 'pageperfect/commit_segment_embed.sql', 'pageperfect/commit_submit_crawl.sql', 'pageperfect/commit_wait_crawl.sql', 'pageperfect/create_pageperfect_job.sql', 'pageperfect/desk_page.sql', 'pageperfect/desk_segments.sql', 'pageperfect/draft_scoring.sql', 'pageperfect/drop_unfinished.sql', 'pageperfect/get_pageperfect_report.sql', 'pageperfect/get_vectors.sql', 'pageperfect/go_back.sql', 'pageperfect/input_gap_analysis.sql', 'pageperfect/input_keyword_clustering.sql', 'pageperfect/input_rewrite_draft.sql', 'pageperfect/input_segment_embed.sql', 'pageperfect/input_submit_crawl.sql', 'pageperfect/input_wait_crawl.sql', 'pageperfect/keyword_page_id.sql', 'pageperfect/load_checkpoint.sql', 'pageperfect/max_keywords.sql', 'pageperfect/nearest_segments.sql', 'pageperfect/page_keywords.sql', 'pageperfect/page_topics.sql', 'pageperfect/pageperfect_analysis.sql', 'pageperfect/pageperfect_report.sql', 'pageperfect/put_keywords.sql', 'pageperfect/same_job.sql', 'pageperfect/save_checkpoint.sql', 'pageperfect/stage_vectors.sql', 'pageperfect/usage_fact.sql', 'schedules/check_schedules.sql', 'schedules/dispatcher_is_wanted.sql', 'schedules/every_seconds.sql', 'schedules/install_schedules.sql', 'schedules/ring.sql', 'schedules/set_schedule_secrets.sql', 'schedules/time_limits.sql', 'schedules/vault_secret.sql', 'schedules/wanted_schedules.sql', 'search_console/checkpoint_gsc_import.sql', 'search_console/gsc_settled_day.sql', 'search_console/input_gsc_import.sql', 'search_console/on_gsc_import.sql', 'search_console/queue_import.sql', 'search_console/start_due_imports.sql', 'search_console/start_gsc_import.sql', 'search_console/upsert_gsc_rows.sql', 'site/begin_site_draft.sql', 'site/cancel_site_job.sql', 'site/clicks_around.sql', 'site/commit_analyse_pages.sql', 'site/commit_select_pages.sql', 'site/commit_site_drafts.sql', 'site/commit_site_plan.sql', 'site/commit_site_topics.sql', 'site/create_site_job.sql', 'site/draft_seconds.sql', 'site/get_site_report.sql', 'site/input_analyse_pages.sql', 'site/input_select_pages.sql', 'site/input_site_drafts.sql', 'site/input_site_plan.sql', 'site/input_site_topics.sql', 'site/is_of_property.sql', 'site/mark_site_edits.sql', 'site/next_site_candidate.sql', 'site/page_seconds.sql', 'site/put_site_draft.sql', 'site/retry_site_job.sql', 'site/schedule_site.sql', 'site/segment_texts.sql', 'site/site_candidate_page.sql', 'site/site_ceiling_is_reached.sql', 'site/site_costs.sql', 'site/site_counts.sql', 'site/site_draft_cost.sql', 'site/site_draft_counts.sql', 'site/site_draft_input.sql', 'site/site_drafts_wanted.sql', 'site/site_found_answers.sql', 'site/site_keywords.sql', 'site/site_outcomes.sql', 'site/site_page_inputs.sql', 'site/site_page_parts.sql', 'site/site_progress.sql', 'site/site_report_drafts.sql', 'site/site_result.sql', 'site/site_state.sql', 'site/site_window.sql', 'site/stage_site_answers.sql', 'site/stage_site_candidates.sql', 'site/stage_site_draft.sql', 'site/stage_site_pages.sql', 'site/stage_site_state.sql', 'site/start_due_sites.sql', 'steps/ack_message.sql', 'steps/complete_stage.sql', 'steps/dead_letter_message.sql', 'steps/dequeue_stage.sql', 'steps/enqueue_stage.sql', 'steps/extend_message_visibility.sql', 'steps/holds_message.sql', 'steps/record_stage_failure.sql', 'steps/requeue_stage.sql', 'steps/start_stage.sql', 'views/v_pageperfect_backlog.sql', 'views/v_pageperfect_costs.sql', 'views/v_pageperfect_failures.sql', 'views/v_pageperfect_in_flight.sql', 'views/v_pageperfect_job_status.sql', 'views/v_pageperfect_throughput.sql', 'web/api.sql', '1_pipelines.sql', '2_tables.sql', '3_policies.sql', '4_schedules.sql')
    order by o.identity desc -- views before functions
  loop
    begin
      if v_object.identity not like 'file %' then
        execute 'drop ' || replace(replace(v_object.identity, 'view ', 'view if exists '), 'function ', 'function if exists ');
      end if;
    exception when dependent_objects_still_exist then
      raise warning 'pageperfect: % is of no use any more, and stays since something depends on it', v_object.identity;
    end;
    delete from pipeline.objects as o where o.identity = v_object.identity;
  end loop;
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;
