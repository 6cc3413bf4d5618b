-- What the stages of a job that the caller may see compute from, for a what-if on the same wasm: {clustering, gaps}, as
-- input_keyword_clustering and input_gap_analysis give it, without what the first of them computes. Null when a later job has
-- replaced the page's segments.
create or replace function access.get_analysis_input(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_page_id uuid;
begin
  select j.page_id into v_page_id from access.matching_jobs('{}'::jsonb) as j where j.id = p_job_id;
  if not found then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  if not exists (select from public.page_embeddings as e where e.page_id = v_page_id and e.job_id = p_job_id) then
    return null;
  end if;
  return jsonb_build_object('clustering', public.input_keyword_clustering(p_job_id),
    'gaps', public.input_gap_analysis(p_job_id) - 'topics' - 'clusters');
end;
$$;

revoke execute on function access.get_analysis_input(uuid) from public, anon, authenticated;
grant execute on function access.get_analysis_input(uuid) to authenticated, service_role;
