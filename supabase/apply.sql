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
  from unnest(array[/* schemas */]::text[]) as s (name)
  where to_regnamespace(s.name) is not null and not exists (select from pipeline.migrations);

  for v_file in
    select f.identity from unnest(array[/* identities */]::text[]) as f (identity)
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
    select q.queue from unnest(array[/* queues */]::text[]) as q (queue) where to_regclass(format('pgmq.%I', 'q_' || q.queue)) is not null
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
        /* tables */
        ('', '', null, null, '')
      ) as t (migration, name, parent, columns, definition)
      where t.name = any (c_adoptable)
    loop
      execute replace(v_table.definition, 'extensions.vector', quote_ident(v_vector_schema) || '.vector');
    end loop;
  end if;

  for v_table in
    select t.* from (values
      /* tables */
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

  /* rehearsal */
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;
