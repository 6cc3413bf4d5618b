-- What the API serves of access.replay_letter, which checks the caller.
create or replace function public.replay_letter(p_pipeline text, p_dead_letter_id bigint)
returns jsonb
language sql
volatile
set search_path = ''
as $$ select access.replay_letter(p_pipeline, p_dead_letter_id) $$;

revoke execute on function public.replay_letter(text, bigint) from public, anon, authenticated;
grant execute on function public.replay_letter(text, bigint) to authenticated, service_role;
