create or replace function public.commit_segment_embed(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'segment_embed', p_msg_id, p_read_ct);
  v_count integer;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.pages
  set title = p_output -> 'page' ->> 'title', description = p_output -> 'page' ->> 'description',
      language = p_output -> 'page' ->> 'language', canonical_url = p_output -> 'page' ->> 'canonical_url',
      published_at = p_output -> 'page' ->> 'published_at',
      facts = coalesce((p_output -> 'page') - array['title', 'description', 'language', 'canonical_url', 'published_at'], '{}')
  where id = v_lease.page_id;

  delete from public.page_embeddings where page_id = v_lease.page_id;
  insert into public.page_embeddings (
    page_id, job_id, position, kind, heading_path, text, char_start, char_end, css_path, token_count, model, dimensions, embedding)
  select v_lease.page_id, v_lease.job_id, s.position, s.kind, coalesce(s.heading_path, '{}'), s.text,
    s.char_start, s.char_end, s.css_path, s.token_count,
    p_output ->> 'model', (p_output ->> 'dimensions')::integer, coalesce(s.embedding::extensions.vector, v.vector)
  from rows from (jsonb_to_recordset(p_output -> 'segments') as (
    position integer, kind text, heading_path text[], text text, char_start integer, char_end integer,
    css_path text, token_count integer, embedding text)) with ordinality as s (
    position, kind, heading_path, text, char_start, char_end, css_path, token_count, embedding, ordinality)
  left join pipeline.staged_vectors as v
    on v.job_id = v_lease.job_id and v.stage = v_lease.stage and v.position = s.ordinality - 1
    and v.digest = p_output ->> 'digest';
  get diagnostics v_count = row_count;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('paragraph_count', v_count) || pipeline.usage_fact(v_lease, p_output));
end;
$$;

revoke execute on function public.commit_segment_embed(bigint, integer, jsonb) from public, anon, authenticated;
