-- The texts of a job's segments that a report cuts, whole: {segment id: text}. Empty when a later job has replaced them.
create or replace function access.get_passages(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.visible_job('pageperfect', p_job_id);
  return (select coalesce(jsonb_object_agg(e.id, e.text), '{}'::jsonb)
    from public.page_embeddings as e where e.job_id = p_job_id and length(e.text) > 400);
end;
$$;

revoke execute on function access.get_passages(uuid) from public, anon, authenticated;
grant execute on function access.get_passages(uuid) to authenticated, service_role;
