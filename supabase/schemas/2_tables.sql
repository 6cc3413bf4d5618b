-- Who may do what. Nothing is reachable by anon. A signed-in user reads their own jobs and pages and what hangs on them.
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
