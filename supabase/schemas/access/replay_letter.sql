-- Replays one dead letter.
create or replace function access.replay_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform access.require_operator();
  return public.replay_dead_letter(p_pipeline, p_dead_letter_id);
end;
$$;

revoke execute on function access.replay_letter(text, bigint) from public, anon, authenticated;
grant execute on function access.replay_letter(text, bigint) to authenticated, service_role;
