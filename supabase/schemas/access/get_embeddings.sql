-- The stored embeddings of texts in the model of a job that the caller may see: {model, dimensions, vectors}, base64 of little-endian
-- f32s in the order of the texts, null for one that is not stored. Who is no member is told of the queries of the job's own page alone
-- (a model's prefix before it may be there), not of what others had embedded.
create or replace function access.get_embeddings(p_job_id uuid, p_texts text[])
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_job pipeline.jobs := access.visible_job('pageperfect', p_job_id);
  v_method jsonb := coalesce(v_job.result -> 'method', v_job.result -> 'parameters');
  v_model text := v_method ->> 'model';
  v_dimensions integer := v_method ->> 'dimensions';
  v_texts text[] := p_texts;
begin
  if cardinality(p_texts) > 1000 then
    raise exception 'at most 1,000 texts at once' using errcode = '22023';
  end if;
  if not access.is_member() then
    select array_agg(case when exists (
        select from public.gsc_page_query as g
        where g.page_id = v_job.page_id and g.query in (t.text, regexp_replace(t.text, '^[^:]*: ', '')))
      then t.text end order by t.n) into v_texts
    from unnest(p_texts) with ordinality as t (text, n);
  end if;
  return jsonb_build_object('model', v_model, 'dimensions', v_dimensions,
    'vectors', public.embedding_cache_get(v_model, v_dimensions, v_texts));
end;
$$;

revoke execute on function access.get_embeddings(uuid, text[]) from public, anon, authenticated;
grant execute on function access.get_embeddings(uuid, text[]) to authenticated, service_role;
