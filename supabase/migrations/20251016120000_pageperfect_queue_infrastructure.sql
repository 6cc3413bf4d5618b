-- The pageperfect pipeline on the engine: its tables and queue, job creation, what each stage reads and what each
-- stage commits. A commit is one transaction: lease checked, output rows replaced, stage finished, next message sent.

do $$ begin perform pipeline.add_pipeline('pageperfect', 'pageperfect'); end $$;

-- What signed-in users may use of the project; one row.
create table if not exists pipeline.user_policy (
  is_only_row boolean primary key default true check (is_only_row),
  max_open_jobs integer not null default 10 check (max_open_jobs >= 0),
  shares_search_console boolean not null default false
);
comment on table pipeline.user_policy is 'What signed-in users may use of the project; change the row to tune a running system';
comment on column pipeline.user_policy.max_open_jobs is 'Jobs of one user that may be queued or processing at once';
comment on column pipeline.user_policy.shares_search_console is
  'Whether a user''s page without keywords of its own is analysed with those the project has for its URL';
insert into pipeline.user_policy default values on conflict do nothing;
alter table pipeline.user_policy enable row level security;
revoke all on pipeline.user_policy from public, anon, authenticated, service_role;
grant select, update (max_open_jobs, shares_search_console) on pipeline.user_policy to service_role;

-- Creates a job from a checked request (see crates/policy, intake): finds or makes the page, upserts the keywords that
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

-- Upserts undated keyword totals of a page. They are a snapshot of one export: queries of an earlier snapshot that
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

-- The page whose Search Console rows a page is analysed with: itself, or the project's page of its URL when it has none
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

-- A page's queries over all their rows: dated rows summed where there are any, else the undated total.
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

-- How many of a page's keywords are analysed, those with the most impressions. With more, reading their vectors takes an
-- invocation's whole CPU time (docs/architecture.md, Budget). Yours to replace; an upgrade puts the default back.
create or replace function pipeline.max_keywords()
returns integer
language sql
immutable
set search_path = ''
as $$ select 10000 $$;

-- What a stage needs to begin its work (shapes: docs/architecture.md).
create or replace function public.get_stage_input(p_job_id uuid, p_stage text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs;
  v_parameters jsonb;
  v_crawl public.crawl_jobs;
  v_recommendation public.rewrite_recommendations;
  v_model text;
  v_dimensions integer;
begin
  select * into v_job from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  v_parameters := coalesce(v_job.payload -> 'parameters', '{}'::jsonb);
  select * into v_crawl from public.crawl_jobs as c where c.job_id = p_job_id order by c.created_at desc limit 1;

  case p_stage
  when 'submit_crawl' then
    return jsonb_build_object('page_id', v_job.page_id) || (
      select jsonb_object_agg(e.key, e.value) from jsonb_each(v_job.payload) as e
      where e.key in ('url', 'premium', 'ultra_premium', 'render'));
  when 'wait_crawl' then
    return jsonb_build_object(
      'crawl', jsonb_build_object('id', v_crawl.id, 'status', v_crawl.status, 'error', v_crawl.error,
        'html_length', v_crawl.html_length, 'processing_time_ms', v_crawl.processing_time_ms,
        'created_at', v_crawl.created_at),
      'waited_seconds', greatest(extract(epoch from pipeline.now() - v_crawl.queued_at), 0));
  when 'segment_embed' then
    return jsonb_build_object('url', coalesce(v_crawl.final_url, v_job.url), 'page_id', v_job.page_id, 'html', v_crawl.html);
  when 'keyword_clustering' then
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
  when 'gap_analysis' then
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
  when 'rewrite_draft' then
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
  else
    raise exception 'there is no stage %', p_stage using errcode = '22023';
  end case;
end;
$$;

-- The running usage of a job with this stage's added, as a fact for the payload.
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

-- Sends a job back to an earlier stage, in place of the commit of the leased one, which begins anew when its turn comes.
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

-- The lease of a commit, refused when it is some other stage's. Locks the page, so that two jobs on one page
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

create or replace function public.commit_submit_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

create or replace function public.commit_wait_crawl(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

-- Vectors on their way to a commit. A page of thousands of segments has more of them than one request or one
-- invocation can carry, so they come in chunks before the commit, which takes them from here.
create table if not exists pipeline.staged_vectors (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  position integer not null,
  digest text not null,
  vector extensions.vector not null,
  primary key (job_id, stage, position),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.staged_vectors is 'Vectors a running stage will commit; gone with its commit, else with its job';
comment on column pipeline.staged_vectors.digest is 'Of the input they were made from: a commit takes only vectors of its own input';
alter table pipeline.staged_vectors enable row level security;
revoke all on pipeline.staged_vectors from public, anon, authenticated, service_role;

-- Keeps vectors (pgvector text) for the commit of the leased stage, from position p_first on. Repeating it changes
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

-- Where a stage stopped that does not fit one invocation, in bytes of its own making.
create table if not exists pipeline.stage_checkpoints (
  pipeline text not null default 'pageperfect',
  job_id uuid not null,
  stage text not null,
  digest text not null,
  state bytea not null,
  primary key (job_id, stage),
  foreign key (pipeline, job_id) references pipeline.jobs (pipeline, id) on delete cascade
);
comment on table pipeline.stage_checkpoints is 'Where a running stage stopped; gone with its commit, else with its job';
comment on column pipeline.stage_checkpoints.digest is 'Of the input that the state belongs to';
alter table pipeline.stage_checkpoints enable row level security;
revoke all on pipeline.stage_checkpoints from public, anon, authenticated, service_role;

-- Keeps the leased stage's state (base64) in place of an earlier one. Returns {status: saved | lease_lost | cancelled}.
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

-- The state that a stage saved for this input, base64; null when there is none.
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

-- What a stage keeps between its invocations goes once its commit has taken it.
create or replace function pipeline.drop_unfinished(p_lease pipeline.lease)
returns void
language sql
set search_path = ''
as $$
  delete from pipeline.staged_vectors where job_id = p_lease.job_id and stage = p_lease.stage;
  delete from pipeline.stage_checkpoints where job_id = p_lease.job_id and stage = p_lease.stage;
$$;

-- Vectors of rows of 'page_embeddings' or 'keyword_clusters' in the order of p_ids: base64 of Postgres' binary vectors, one
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

create or replace function public.commit_segment_embed(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

create or replace function public.commit_keyword_clustering(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

create or replace function public.commit_gap_analysis(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
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

-- Everything an analysis found, as one value: the job's result, and the body of the report while it still runs.
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

-- The report of a job at any moment of its life.
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
