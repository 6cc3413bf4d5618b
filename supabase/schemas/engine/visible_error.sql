-- An error as the job's owner may see it: in full for the service's own jobs; users see its code and what that means, since
-- a provider's text may name the project's account and a site's address may be an inner one.
create or replace function pipeline.visible_error(p_error jsonb, p_user_id uuid)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_user_id is null or p_error is null then
    return p_error;
  end if;
  return jsonb_strip_nulls(jsonb_build_object(
    'code', p_error -> 'code', 'http_status', p_error -> 'http_status', 'retryable', p_error -> 'retryable',
    'message', coalesce(p_error ->> 'meaning', p_error ->> 'code', 'an error that is not known by a code')));
end;
$$;

revoke execute on function pipeline.visible_error(jsonb, uuid) from public, anon, authenticated;
