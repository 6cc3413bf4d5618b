-- Makes a pipeline: its five public partitions and its queue with the index that claims read through.
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
