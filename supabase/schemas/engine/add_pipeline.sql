-- Makes a pipeline, or what is missing of it: its five public partitions and its queue with the index that claims read
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
