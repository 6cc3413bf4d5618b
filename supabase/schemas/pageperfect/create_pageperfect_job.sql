-- Creates a job from a checked request (see crates/policy, intake): finds or makes the page, upserts the keywords that
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
