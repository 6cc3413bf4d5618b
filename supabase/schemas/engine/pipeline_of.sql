create or replace function pipeline.pipeline_of(p_queue text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_pipeline text;
begin
  select p.pipeline into v_pipeline from pipeline.pipelines as p where p.queue = p_queue;
  if not found then
    raise exception 'queue % belongs to no pipeline', p_queue
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_pipeline;
end;
$$;

revoke execute on function pipeline.pipeline_of(text) from public, anon, authenticated;
