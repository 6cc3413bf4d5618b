-- Whether a site's job has spent what it may (max_usd), on its pages and on its own.
create or replace function pipeline.site_ceiling_is_reached(p_job pipeline.jobs)
returns boolean
language sql
stable
set search_path = ''
as $$
  select p_job.payload ? 'max_usd' and (pipeline.site_costs(p_job.id) ->> 'usd')::numeric >= (p_job.payload ->> 'max_usd')::numeric;
$$;

revoke execute on function pipeline.site_ceiling_is_reached(pipeline.jobs) from public, anon, authenticated;
