-- What the API serves of access.get_embeddings, which checks the caller.
create or replace function public.get_embeddings(p_job_id uuid, p_texts text[])
returns jsonb
language sql
stable
set search_path = ''
as $$ select access.get_embeddings(p_job_id, p_texts) $$;

revoke execute on function public.get_embeddings(uuid, text[]) from public, anon, authenticated;
grant execute on function public.get_embeddings(uuid, text[]) to authenticated, service_role;
