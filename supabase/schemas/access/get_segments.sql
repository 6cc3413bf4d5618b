-- A job's segments in their order as they were embedded: {model, dimensions, ids, texts, vectors}; texts are whole (a report's are cut),
-- each vector is base64 of its vector_send bytes. Empty when a later job has replaced them.
create or replace function access.get_segments(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.visible_job('pageperfect', p_job_id);
  return (
    select jsonb_build_object('model', max(e.model), 'dimensions', max(e.dimensions),
      'ids', coalesce(jsonb_agg(e.id order by e.position), '[]'::jsonb),
      'texts', coalesce(jsonb_agg(e.text order by e.position), '[]'::jsonb),
      'vectors', coalesce(jsonb_agg(replace(encode(extensions.vector_send(e.embedding), 'base64'), E'\n', '') order by e.position), '[]'::jsonb))
    from public.page_embeddings as e where e.job_id = p_job_id);
end;
$$;

revoke execute on function access.get_segments(uuid) from public, anon, authenticated;
grant execute on function access.get_segments(uuid) to authenticated, service_role;
