-- Rings a function of this project; returns pg_net's request id; null when a ring of it waits already, and with a
-- warning when it cannot.
create or replace function pipeline.ring(p_function text)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_url text := rtrim(pipeline.vault_secret('project_url'), '/');
  v_key text := pipeline.vault_secret('pageperfect_secret_key');
begin
  if v_url is null or v_key is null then
    raise warning 'pageperfect: % is not rung, Vault lacks %', p_function,
      concat_ws(' and ', case when v_url is null then 'project_url' end, case when v_key is null then 'pageperfect_secret_key' end)
      using hint = 'select pipeline.set_schedule_secrets(''https://<project ref>.supabase.co'', ''sb_secret_…'')';
    return null;
  end if;
  -- One that waits is enough: while pg_net is stopped they would pile up.
  if exists (select from net.http_request_queue as q where q.url = v_url || '/functions/v1/' || p_function) then
    return null;
  end if;
  return net.http_post(
    url := v_url || '/functions/v1/' || p_function,
    headers := jsonb_build_object('content-type', 'application/json', 'apikey', v_key),
    body := '{}'::jsonb,
    timeout_milliseconds := (select l.seconds * 1000 from pipeline.time_limits() as l where l.name = 'http_timeout')
  );
end;
$$;

revoke execute on function pipeline.ring(text) from public, anon, authenticated;
