-- What a site's job found, with what the engine knows of it: the job's result.
create or replace function pipeline.site_result(p_job_id uuid, p_report jsonb)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select p_report || jsonb_build_object(
    'job', (select jsonb_build_object('id', j.id, 'source', (j.payload -> 'site') - 'urls'::text, 'select', coalesce(j.payload ->> 'select', 'impressions'),
        'created_at', j.created_at)
      from pipeline.jobs as j where j.pipeline = 'site' and j.id = p_job_id),
    'counts', pipeline.site_counts(p_job_id),
    'failed_pages', (select coalesce(jsonb_agg(jsonb_build_object('page_id', s.page_id, 'url', s.url, 'status', s.status, 'error', s.error)
        order by s.position), '[]'::jsonb)
      from public.site_pages as s where s.job_id = p_job_id and s.status in ('failed', 'skipped')),
    'costs', pipeline.site_costs(p_job_id));
$$;

revoke execute on function pipeline.site_result(uuid, jsonb) from public, anon, authenticated;
