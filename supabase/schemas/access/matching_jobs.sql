-- The jobs that fit all of the filters {pipeline, status, stage, url, error, page_id, user_id, since, until}. `url` and `error` are parts
-- of it, any case; a key that is missing or null fits all. Members see every job, others their own.
create or replace function access.matching_jobs(p_filters jsonb)
returns setof pipeline.jobs
language sql
stable
security definer
set search_path = ''
as $$
  select j.*
  from pipeline.jobs as j
  where j.pipeline = coalesce(p_filters ->> 'pipeline', 'pageperfect')
    and ((select access.is_member()) or j.user_id = (select auth.uid()))
    and (p_filters ->> 'status' is null or j.status = p_filters ->> 'status')
    and (p_filters ->> 'stage' is null or j.stage = p_filters ->> 'stage')
    and (p_filters ->> 'url' is null or strpos(lower(coalesce(j.url, '')), lower(p_filters ->> 'url')) > 0)
    and (p_filters ->> 'error' is null or strpos(lower(coalesce(j.error ->> 'code', '') || ' ' || coalesce(j.error ->> 'message', '')), lower(p_filters ->> 'error')) > 0)
    and (p_filters ->> 'page_id' is null or j.page_id = (p_filters ->> 'page_id')::uuid)
    and (p_filters ->> 'user_id' is null or j.user_id = (p_filters ->> 'user_id')::uuid)
    and (p_filters ->> 'since' is null or j.created_at >= (p_filters ->> 'since')::timestamptz)
    and (p_filters ->> 'until' is null or j.created_at < (p_filters ->> 'until')::timestamptz);
$$;

revoke execute on function access.matching_jobs(jsonb) from public, anon, authenticated;
grant execute on function access.matching_jobs(jsonb) to authenticated, service_role;
