-- The segments of a job's page in full, with their embeddings: {model, dimensions, segments, vectors}, `vectors` being base64 of
-- their vector_send bytes on end. Empty when a later job has replaced them.
create or replace function access.get_segments(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if not exists (select from access.matching_jobs('{}'::jsonb) as j where j.id = p_job_id) then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  return (
    select jsonb_build_object('model', max(e.model), 'dimensions', max(e.dimensions),
      'segments', coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'text', e.text, 'heading_path', e.heading_path, 'kind', e.kind)
        order by e.position), '[]'::jsonb),
      'vectors', coalesce(replace(encode(string_agg(extensions.vector_send(e.embedding), ''::bytea order by e.position), 'base64'), E'\n', ''), ''))
    from public.page_embeddings as e where e.job_id = p_job_id);
end;
$$;

revoke execute on function access.get_segments(uuid) from public, anon, authenticated;
grant execute on function access.get_segments(uuid) to authenticated, service_role;
