-- How many pages of a site's job stand where.
create or replace function pipeline.site_counts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('total', count(*), 'waiting', count(*) filter (where s.status = 'waiting'),
    'open', count(*) filter (where s.status = 'open'), 'done', count(*) filter (where s.status = 'done'),
    'reused', count(*) filter (where s.status = 'reused'), 'failed', count(*) filter (where s.status = 'failed'),
    'skipped', count(*) filter (where s.status = 'skipped'))
  from public.site_pages as s where s.job_id = p_job_id;
$$;

revoke execute on function pipeline.site_counts(uuid) from public, anon, authenticated;
