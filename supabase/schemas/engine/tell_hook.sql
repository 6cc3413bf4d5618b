-- Tells the stage's hook, if it has one.
create or replace function pipeline.tell_hook(p_pipeline text, p_job_id uuid, p_stage text, p_event text, p_details jsonb default '{}'::jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_hook text;
begin
  select c.hook into v_hook from pipeline.stage_config as c where c.pipeline = p_pipeline and c.stage = p_stage;
  if v_hook is not null then
    execute format('select %s($1, $2, $3)', v_hook) using p_job_id, p_event, p_details;
  end if;
end;
$$;

revoke execute on function pipeline.tell_hook(text, uuid, text, text, jsonb) from public, anon, authenticated;
