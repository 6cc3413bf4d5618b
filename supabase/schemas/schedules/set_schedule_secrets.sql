-- Stores the two secrets, or replaces them: the way to rotate the key. Values never appear in an answer.
create or replace function pipeline.set_schedule_secrets(p_project_url text, p_secret_key text)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v record;
begin
  if p_project_url is null or p_project_url !~ '^https?://[^/?#[:space:]]+$' then
    raise exception 'the project URL must be like https://<project ref>.supabase.co, without a path'
      using errcode = '22023';
  end if;
  if coalesce(p_secret_key, '') = '' or p_secret_key ~ '^sb_publishable_' then
    raise exception 'the schedules need a secret key (sb_secret_…), not a publishable one' using errcode = '22023';
  end if;
  if p_secret_key !~ '^[A-Za-z0-9_.-]+$' then
    raise exception 'the secret key has characters that no key has, such as a line break: copy it again' using errcode = '22023';
  end if;
  if p_secret_key ~ '^ey' and convert_from(decode(rpad(translate(split_part(p_secret_key, '.', 2), '-_', '+/'),
      (length(split_part(p_secret_key, '.', 2)) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb ->> 'role' is distinct from 'service_role' then
    raise exception 'the schedules need a secret key (sb_secret_…) or the service_role key, not the anon key' using errcode = '22023';
  end if;
  for v in
    select n.name, n.value, n.description, s.id
    from (values
      ('project_url', p_project_url, 'Where the schedules find the project''s functions'),
      ('pageperfect_secret_key', p_secret_key, 'The secret key the schedules call PagePerfect''s functions with')
    ) as n (name, value, description)
    left join vault.secrets as s on s.name = n.name
  loop
    if v.id is null then
      perform vault.create_secret(v.value, v.name, v.description);
    else
      perform vault.update_secret(v.id, v.value);
    end if;
  end loop;
end;
$$;

revoke execute on function pipeline.set_schedule_secrets(text, text) from public, anon, authenticated;
