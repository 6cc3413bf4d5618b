-- A job's drafts as the result shows them, by the rank of their recommendations.
create or replace function pipeline.analysis_drafts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select coalesce(jsonb_agg(d.draft || jsonb_build_object('edit_id', d.recommendation_id, 'form', d.form, 'provider', d.provider,
      'model', d.model, 'coverage_before', d.coverage_before, 'coverage_after', d.coverage_after, 'per_query', d.per_query,
      'attempts', d.attempts, 'closes_gap', d.closes_gap, 'brief', d.brief) order by d.rank), '[]'::jsonb)
  from public.rewrite_drafts as d where d.job_id = p_job_id;
$$;

revoke execute on function pipeline.analysis_drafts(uuid) from public, anon, authenticated;
