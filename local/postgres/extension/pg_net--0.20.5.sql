-- pg_net's interface as migrations use it. As in the real one a request leaves after commit only:
-- the notification that wakes the sender is delivered then. Answers are kept in net._http_response.

create schema net;
grant usage on schema net to postgres, anon, authenticated, service_role;

create unlogged table net.http_request_queue (
  id bigint generated always as identity primary key,
  method text not null,
  url text not null,
  headers jsonb,
  body bytea,
  timeout_milliseconds integer not null
);

create unlogged table net._http_response (
  id bigint,
  status_code integer,
  content_type text,
  headers jsonb,
  content text,
  timed_out boolean,
  error_msg text,
  created timestamptz not null default now()
);
create index on net._http_response (created);
grant all on all tables in schema net to postgres, anon, authenticated, service_role;

create function net._request(method text, url text, params jsonb, headers jsonb, body bytea, timeout_milliseconds integer)
returns bigint
language plpgsql set search_path = ''
as $$
declare
  request_id bigint;
  query text := (
    select string_agg(key || '=' || value, '&') from jsonb_each_text(coalesce(params, '{}'))
  );
begin
  insert into net.http_request_queue (method, url, headers, body, timeout_milliseconds)
  values (
    method,
    url || case when query is null then '' when url like '%?%' then '&' || query else '?' || query end,
    headers,
    body,
    timeout_milliseconds
  )
  returning id into request_id;
  notify pg_net;
  return request_id;
end;
$$;

create function net.http_post(
  url text,
  body jsonb default '{}'::jsonb,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{"Content-Type": "application/json"}'::jsonb,
  timeout_milliseconds integer default 5000
) returns bigint
language sql set search_path = ''
as $$
  select net._request('POST', url, params, headers, convert_to(body::text, 'UTF8'), timeout_milliseconds)
$$;

create function net.http_get(
  url text,
  params jsonb default '{}'::jsonb,
  headers jsonb default '{}'::jsonb,
  timeout_milliseconds integer default 5000
) returns bigint
language sql set search_path = ''
as $$ select net._request('GET', url, params, headers, null, timeout_milliseconds) $$;
