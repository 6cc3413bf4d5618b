-- A small schema for the tests of the embedded stack itself: every kind of function that supabase-js
-- can call, a table shaped like the engine's partitions, and the extensions a hosted project has.

create extension if not exists vector with schema extensions;
create extension if not exists pgmq;
create extension if not exists pg_cron;
create extension if not exists pg_net with schema extensions;
create extension if not exists supabase_vault with schema vault;

select pgmq.create('letters');

create table public.things (
  pipeline text not null default 'first',
  id uuid not null default gen_random_uuid(),
  stage text,
  number bigint generated always as identity,
  data jsonb,
  tags text[],
  ready boolean,
  primary key (pipeline, id)
);
create unique index on public.things (id, stage);
alter table public.things enable row level security;
create policy "users read ready things" on public.things for select to authenticated using (ready);
grant select, insert, update, delete on public.things to service_role;
grant select on public.things to authenticated;

create function public.add(p_a integer, p_b integer default 2) returns integer
language sql as $$ select p_a + p_b $$;
create function public.echo(p jsonb) returns jsonb language sql as $$ select p $$;
create function public.nothing() returns void language sql as $$ select $$;
create function public.numbers(p_count integer) returns table (i integer, name text)
language sql as $$ select g, 'n' || g from generate_series(1, p_count) as g $$;
create function public.scalars(p_count integer) returns setof integer
language sql as $$ select generate_series(1, p_count) $$;
create function public.first_thing() returns public.things
language sql as $$ select * from public.things order by number limit 1 $$;
create function public.fail(p text) returns integer
language plpgsql as $$
begin
  raise exception '%', p using detail = 'a detail', hint = 'a hint';
end;
$$;
create function public.fail_with(p_code text) returns integer
language plpgsql as $$
begin
  raise exception 'on purpose' using errcode = p_code;
end;
$$;
create function public.whoami() returns jsonb
language sql as $$ select jsonb_build_object('user', current_user, 'role', auth.role(), 'id', auth.uid()) $$;
create function public.nap(p_seconds float) returns integer
language sql as $$ select 1 from pg_sleep(p_seconds) $$;
create function public.texts(p_texts text[], p_vector extensions.vector default null) returns jsonb
language sql as $$ select jsonb_build_object('texts', p_texts, 'dimensions', extensions.vector_dims(p_vector)) $$;

revoke execute on function public.echo(jsonb) from public;
grant execute on function public.echo(jsonb) to service_role;
grant usage on schema extensions to anon, authenticated, service_role;
