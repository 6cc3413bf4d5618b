-- What submit_crawl needs to begin its work (shapes: docs/architecture.md).
create or replace function public.input_submit_crawl(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := pipeline.job('pageperfect', p_job_id);
begin
  return jsonb_build_object('page_id', v_job.page_id) || (
    select jsonb_object_agg(e.key, e.value) from jsonb_each(v_job.payload) as e
    where e.key in ('url', 'premium', 'ultra_premium', 'render'));
end;
$$;

revoke execute on function public.input_submit_crawl(uuid) from public, anon, authenticated;
