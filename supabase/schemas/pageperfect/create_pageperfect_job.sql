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

revoke execute on function public.create_pageperfect_job(jsonb, uuid, text) from public, anon, authenticated;
grant execute on function public.create_pageperfect_job(jsonb, uuid, text) to service_role;
