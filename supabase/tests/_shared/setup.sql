-- Included by every test file (\ir): pgTAP, a clock that stands still, and short names for the usual steps.
\set QUIET 1
\set ON_ERROR_STOP 1
\pset format unaligned
\pset tuples_only true
set client_min_messages = warning;
begin;
create extension if not exists pgtap with schema extensions;
set local search_path = public, extensions, pg_catalog;
set local pageperfect.fake_now = '2026-01-01 00:00:00+00';

create schema tests;

-- Moves the engine's clock.
create function tests.travel(p_by interval) returns void language sql as $$
  select set_config('pageperfect.fake_now', (pipeline.now() + p_by)::text, true);
$$;

-- A pageperfect job on its own page.
create function tests.create_job(p_url text default 'https://example.com/page', p_priority integer default 0, p_more jsonb default '{}')
returns uuid language sql as $$
  select (public.create_pageperfect_job(jsonb_build_object('url', p_url, 'priority', p_priority) || p_more) ->> 'job_id')::uuid;
$$;

create function tests.claim(p_stage text, p_visibility integer default 600) returns jsonb language sql as $$
  select public.claim_stage('pageperfect', p_stage, p_visibility);
$$;

create function tests.claim_crawl() returns jsonb language sql as $$
  select public.claim_stage('fetch', 'crawl', 60);
$$;

create function tests.msg(p_claim jsonb) returns bigint language sql as $$ select (p_claim ->> 'msg_id')::bigint; $$;
create function tests.ct(p_claim jsonb) returns integer language sql as $$ select (p_claim ->> 'read_ct')::integer; $$;

create function tests.fail(p_claim jsonb, p_action text default 'retry', p_delay numeric default 10, p_reason text default 'transient')
returns jsonb language sql as $$
  select public.fail_stage('pageperfect', tests.msg(p_claim), tests.ct(p_claim), '{"message": "boom"}', p_action, p_delay, p_reason);
$$;

create function tests.stage(p_job uuid, p_stage text) returns public.pageperfect_job_stages language sql as $$
  select s from public.pageperfect_job_stages as s where s.job_id = p_job and s.stage = p_stage;
$$;

create function tests.events(p_job uuid) returns text language sql as $$
  select string_agg(e.status, ' ' order by e.id) from public.pageperfect_job_events as e where e.job_id = p_job;
$$;

-- Brings a job to the front of a stage by running the stages before it, and claims it.
create function tests.claim_at(p_job uuid, p_stage text) returns jsonb language plpgsql as $$
declare
  v_claim jsonb;
  v_crawl jsonb;
  v_stage text;
begin
  foreach v_stage in array array['submit_crawl', 'wait_crawl', 'segment_embed', 'keyword_clustering', 'gap_analysis', 'rewrite_draft'] loop
    if v_stage = 'wait_crawl' and p_stage <> 'wait_crawl' then
      v_crawl := tests.claim_crawl();
      perform public.commit_crawl(tests.msg(v_crawl), tests.ct(v_crawl),
        '{"html": "<h1>Hello</h1>", "http_status": 200, "provider": "direct"}');
    end if;
    v_claim := tests.claim(v_stage);
    exit when v_stage = p_stage;
    perform tests.commit(v_claim);
  end loop;
  return v_claim;
end;
$$;

-- Commits a claimed stage with a small valid output.
create function tests.commit(p_claim jsonb) returns jsonb language plpgsql as $$
declare
  v_output jsonb;
  v_result jsonb;
begin
  v_output := case p_claim ->> 'stage'
    when 'submit_crawl' then '{"url": "https://example.com/page"}'::jsonb
    when 'wait_crawl' then '{}'::jsonb
    when 'segment_embed' then '{"page": {"title": "Hello"}, "model": "m", "dimensions": 2, "usage": {"embedding_tokens": 3}, "segments": [
      {"position": 0, "kind": "heading", "heading_path": [], "text": "Hello", "embedding": "[1,0]"},
      {"position": 1, "kind": "paragraph", "heading_path": ["Hello"], "text": "World", "embedding": "[0,1]"}]}'::jsonb
    when 'keyword_clustering' then '{"model": "m", "dimensions": 2, "eps": 0.3, "min_points": 2, "clusters": [
      {"cluster_index": 0, "is_noise": false, "label": "ab", "medoid_query": "a", "queries": ["a", "b"], "size": 2, "impressions": 30, "clicks": 1, "centroid": "[0.6,0.8]"},
      {"cluster_index": -1, "is_noise": true, "label": "c", "medoid_query": "c", "queries": ["c"], "size": 1, "impressions": 5, "clicks": 0, "centroid": "[-1,0]"}]}'::jsonb
    when 'gap_analysis' then jsonb_build_object('threshold', 0.9, 'top', 10,
      'coverage', '[]'::jsonb,
      'recommendations', (select jsonb_agg(jsonb_build_object('cluster_id', k.id, 'rank', 1, 'opportunity', 6, 'best_similarity', 0.8,
          'best_segment_id', (select max(e.id) from public.page_embeddings as e where e.page_id = k.page_id)))
        from public.keyword_clusters as k where not k.is_noise
          and k.page_id = (select j.page_id from public.pageperfect_jobs as j where j.id = (p_claim ->> 'job_id')::uuid)))
    when 'rewrite_draft' then jsonb_build_object('usage', '{"prompt_tokens": 1, "completion_tokens": 2}'::jsonb,
      'drafts', jsonb_build_array(jsonb_build_object('edit_id', (select max(r.id) from public.rewrite_recommendations as r),
        'provider', 'openai', 'model', 'g', 'draft', '{"heading": "More"}'::jsonb, 'prompt_tokens', 1, 'completion_tokens', 2)))
  end;
  execute format('select public.%I($1, $2, $3)', 'commit_' || (p_claim ->> 'stage'))
    into v_result using tests.msg(p_claim), tests.ct(p_claim), v_output;
  return v_result;
end;
$$;
