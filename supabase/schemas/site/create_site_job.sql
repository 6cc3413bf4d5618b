-- Creates a site's job from a checked request (crates/policy, intake): {site: {urls | sitemap | property}, select, max_pages,
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
