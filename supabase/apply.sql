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
    -- Those on queues' messages are made anew by pipeline.add_pipeline, not by a file.
    where p.pronamespace = 'pipeline'::regnamespace and p.prorettype <> to_regtype('pipeline.message')
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
      /* files */
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
    where o.path not in (/* paths */)
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
