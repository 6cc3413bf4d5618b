-- What a site's job has used of models: its page jobs, without those of pages that keep an earlier job's result, and its own calls.
create or replace function pipeline.site_costs(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select jsonb_build_object('input_tokens', coalesce(sum(u.input_tokens), 0), 'output_tokens', coalesce(sum(u.output_tokens), 0),
    'usd', coalesce(sum(u.cost_usd), 0), 'call_count', coalesce(sum(u.call_count), 0))
  from public.model_usage as u
  where u.job_id in (
    select p_job_id union all
    select s.page_job_id from public.site_pages as s where s.job_id = p_job_id and s.status <> 'reused');
$$;

revoke execute on function pipeline.site_costs(uuid) from public, anon, authenticated;
