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
