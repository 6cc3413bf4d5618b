-- Shapes a plain cluster like a fresh Supabase project, as far as migrations and the API can see.
-- Run by the superuser; may run again over an older cluster. Two settings come from the caller:
-- bootstrap.password (of every login role) and bootstrap.auto_expose (see postgres.ts).

do $$
declare
  role record;
begin
  for role in
    select * from (values
      ('anon', 'nologin noinherit'),
      ('authenticated', 'nologin noinherit'),
      ('service_role', 'nologin noinherit bypassrls'),
      ('authenticator', 'login noinherit'),
      ('postgres', 'login createdb createrole replication bypassrls')
    ) as roles (name, attributes)
  loop
    if not exists (select from pg_catalog.pg_roles where rolname = role.name) then
      execute format('create role %I', role.name);
    end if;
    execute format('alter role %I %s', role.name, role.attributes);
    if role.attributes like 'login%' then
      execute format('alter role %I password %L', role.name, current_setting('bootstrap.password'));
    end if;
  end loop;
end;
$$;

grant anon, authenticated, service_role to authenticator;
grant anon, authenticated, service_role to postgres with admin option;
-- As hosted: a request that takes longer than this is ended.
alter role authenticator set statement_timeout = '8s';
alter role authenticator set lock_timeout = '8s';

alter database postgres owner to postgres;
alter database postgres set search_path = "$user", public, extensions;
alter schema public owner to postgres;
grant usage on schema public to anon, authenticated, service_role;
grant pg_monitor, pg_read_all_data, pg_signal_backend to postgres;

create schema if not exists extensions authorization postgres;
grant usage on schema extensions to anon, authenticated, service_role;

create schema if not exists vault;
grant usage on schema vault to postgres, service_role;

-- Grants on what migrations will create. Revoking first makes this right when it runs again.
do $$
declare
  kind text;
begin
  foreach kind in array array['tables', 'functions', 'sequences'] loop
    execute format(
      'alter default privileges for role postgres in schema public %s on %s %s anon, authenticated, service_role',
      case when current_setting('bootstrap.auto_expose')::boolean then 'grant all' else 'revoke all' end,
      kind,
      case when current_setting('bootstrap.auto_expose')::boolean then 'to' else 'from' end
    );
  end loop;
end;
$$;

-- Who is calling, from the claims that the gateway puts into the transaction.
create schema if not exists auth;
grant usage on schema auth to anon, authenticated, service_role, postgres;

create or replace function auth.jwt() returns jsonb
language sql stable set search_path = ''
as $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;

create or replace function auth.uid() returns uuid
language sql stable set search_path = ''
as $$ select (auth.jwt() ->> 'sub')::uuid $$;

create or replace function auth.role() returns text
language sql stable set search_path = ''
as $$ select auth.jwt() ->> 'role' $$;

create table if not exists auth.users (
  id uuid primary key default gen_random_uuid(),
  email text unique,
  raw_user_meta_data jsonb not null default '{}',
  created_at timestamptz not null default now()
);
grant all on auth.users to postgres; -- as hosted

-- The gateway caches what functions and tables look like; as on hosted, any DDL empties the cache.
create or replace function extensions.pgrst_ddl_watch() returns event_trigger
language plpgsql set search_path = ''
as $$
begin
  notify pgrst, 'reload schema';
end;
$$;
drop event trigger if exists pgrst_ddl_watch;
create event trigger pgrst_ddl_watch on ddl_command_end execute function extensions.pgrst_ddl_watch();
drop event trigger if exists pgrst_drop_watch;
create event trigger pgrst_drop_watch on sql_drop execute function extensions.pgrst_ddl_watch();
