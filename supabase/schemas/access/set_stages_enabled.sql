-- Pauses or resumes stages (null: all of the pipeline). What runs goes on; what waits, waits. Only the first stage paused drains the rest.
create or replace function access.set_stages_enabled(p_pipeline text, p_stages text[], p_enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform access.require_operator();
  update pipeline.stage_config as c set enabled = p_enabled
  where c.pipeline = p_pipeline and (p_stages is null or c.stage = any (p_stages)) and c.enabled <> p_enabled;
  get diagnostics v_count = row_count;
  return jsonb_build_object('changed_count', v_count);
end;
$$;

revoke execute on function access.set_stages_enabled(text, text[], boolean) from public, anon, authenticated;
grant execute on function access.set_stages_enabled(text, text[], boolean) to authenticated, service_role;
