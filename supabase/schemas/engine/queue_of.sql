create or replace function pipeline.queue_of(p_pipeline text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_queue text;
begin
  select p.queue into v_queue from pipeline.pipelines as p where p.pipeline = p_pipeline;
  if not found then
    raise exception 'there is no pipeline %', p_pipeline
      using errcode = '22023', hint = 'pipeline.add_pipeline makes one';
  end if;
  return v_queue;
end;
$$;

revoke execute on function pipeline.queue_of(text) from public, anon, authenticated;
