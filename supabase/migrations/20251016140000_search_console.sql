-- Search Console: rows of many pages at once, and the imports that fetch them day by day.
--
-- A property is one row. What of its import is done stands in that row, so that an import which dies goes on where it
-- stopped, under a lease as everywhere: (property, lease_count) is the token, and a stale one changes nothing. Rows
-- are upserted by (page, query, date); a chunk that is sent twice counts once.

-- Stores rows [{page, query, date, impressions, clicks, position}] and makes the pages they name, which are the project's
-- own. `page` is a normalised URL; `date` is a day, or null for a total over a period. Rows of one key within a call are added up;
-- a row that is stored already is replaced. Nothing is dropped, which makes this an upload in parts, not a snapshot.
-- Returns {row_count, page_count} of the call.
create or replace function public.upsert_gsc_rows(p_rows jsonb)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_page text;
  v_page_count integer;
  v_row_count integer;
begin
  if p_rows is null or jsonb_typeof(p_rows) <> 'array' then
    raise exception 'upsert_gsc_rows: p_rows must be an array of rows' using errcode = '22023';
  end if;
  select r.page into v_page
  from jsonb_to_recordset(p_rows) as r (page text)
  where r.page is null or r.page !~ '^https?://'
  limit 1;
  if found then
    raise exception 'upsert_gsc_rows: % is not the URL of a page', coalesce(v_page, 'null') using errcode = '22023';
  end if;

  -- Ordered, so that two imports of the same pages never wait for each other in a circle.
  insert into public.pages (url)
  select distinct r.page from jsonb_to_recordset(p_rows) as r (page text) order by 1
  on conflict (owner_id, url) do nothing;

  with given as materialized (
    select r.page, r.query, r.date,
      sum(r.impressions)::bigint as impressions,
      sum(r.clicks)::bigint as clicks,
      case
        when count(*) = 1 then min(r.position)
        when sum(r.impressions) > 0 then sum(r.position * r.impressions::double precision) / sum(r.impressions)::double precision
        else avg(r.position)
      end as position
    from jsonb_to_recordset(p_rows)
      as r (page text, query text, date date, impressions numeric, clicks numeric, position double precision)
    group by r.page, r.query, r.date
  ),
  stored as (
    insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
    select p.id, n.query, n.date, n.impressions, n.clicks, n.position
    from given as n
    join public.pages as p on p.url = n.page and p.owner_id is null
    order by p.id, n.query, n.date
    on conflict on constraint gsc_page_query_key do update
      set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position
      where (g.impressions, g.clicks, g.position) is distinct from (excluded.impressions, excluded.clicks, excluded.position)
  )
  select count(*), count(distinct n.page) into v_row_count, v_page_count from given as n;
  return jsonb_build_object('row_count', v_row_count, 'page_count', v_page_count);
end;
$$;

create table if not exists public.gsc_properties (
  property text primary key
    constraint gsc_properties_property_check check (property ~ '^(sc-domain:.+|https?://.+/)$'),
  enabled boolean not null default true,
  lookback_days integer not null default 90
    constraint gsc_properties_lookback_days_check check (lookback_days between 1 and 480),
  imported_until date,
  import_date date,
  import_end date,
  next_row integer not null default 0 check (next_row >= 0),
  lease_count bigint not null default 0,
  lease_expires_at timestamptz,
  attempt_count integer not null default 0,
  available_at timestamptz not null default pipeline.now(),
  row_count bigint not null default 0,
  last_error jsonb,
  last_imported_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint gsc_properties_import_has_an_end check ((import_date is null) = (import_end is null) and import_date <= import_end),
  constraint gsc_properties_lease_is_of_an_import check (lease_expires_at is null or import_date is not null)
);
comment on table public.gsc_properties is 'Search Console properties and how far each is imported';
comment on column public.gsc_properties.property is 'As Search Console names it: sc-domain:example.com, or https://www.example.com/';
comment on column public.gsc_properties.enabled is 'Whether new days are imported daily';
comment on column public.gsc_properties.lookback_days is 'Days before today at which the first daily import begins';
comment on column public.gsc_properties.imported_until is 'The daily import has all days up to this one';
comment on column public.gsc_properties.import_date is 'The day that is being imported; null: no import is under way';
comment on column public.gsc_properties.import_end is 'The last day of the import that is under way';
comment on column public.gsc_properties.next_row is 'Rows of import_date that are stored already';
comment on column public.gsc_properties.lease_count is 'Claims so far; the fencing token of the running one';
comment on column public.gsc_properties.attempt_count is 'Claims since the last progress';
comment on column public.gsc_properties.row_count is 'Rows that were fetched, over all imports';

create or replace trigger gsc_properties_set_updated_at
before update on public.gsc_properties
for each row execute function public.set_updated_at();

-- The newest day whose figures no longer change. Search Console counts days in Pacific time and settles within three.
create or replace function public.gsc_settled_day()
returns date
language sql
volatile
security invoker
set search_path = ''
as $$
  select (pipeline.now() at time zone 'America/Los_Angeles')::date - 3;
$$;

-- Whether an import of the property could be claimed now: one that waits or was cut off, or new days.
create or replace function public.gsc_import_is_due(p_row public.gsc_properties)
returns boolean
language sql
volatile
security invoker
set search_path = ''
as $$
  select p_row.available_at <= pipeline.now()
    and (p_row.lease_expires_at is null or p_row.lease_expires_at <= pipeline.now())
    and (p_row.import_date is not null
      or (p_row.enabled and coalesce(p_row.imported_until, '-infinity') < public.gsc_settled_day()));
$$;

create or replace function public.pending_gsc_import_count()
returns integer
language sql
volatile
security invoker
set search_path = ''
as $$
  select count(*)::integer from public.gsc_properties as g where public.gsc_import_is_due(g);
$$;

-- Asks for the days p_start_date..p_end_date of a property, both included. A property that is not in the table comes
-- into it disabled: imported once, not daily. Raises 55000 while an import of it is under way.
create or replace function public.start_gsc_import(p_property text, p_start_date date, p_end_date date)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  if p_start_date is null or p_end_date is null or p_start_date > p_end_date then
    raise exception 'the import needs a start_date and an end_date that is not before it' using errcode = '22023';
  end if;
  if p_end_date - p_start_date >= 500 then
    raise exception 'Search Console keeps 16 months: ask for 500 days at most' using errcode = '22023';
  end if;
  insert into public.gsc_properties as g (property, enabled, import_date, import_end)
  values (p_property, false, p_start_date, p_end_date)
  on conflict (property) do update
    set import_date = excluded.import_date, import_end = excluded.import_end, next_row = 0, attempt_count = 0,
      available_at = pipeline.now(), last_error = null
    where g.import_date is null;
  if not found then
    raise exception 'an import of % is under way: wait for its end', p_property using errcode = '55000';
  end if;
  return jsonb_build_object('property', p_property, 'start_date', p_start_date, 'end_date', p_end_date);
end;
$$;

-- Claims an import that is due, the longest waiting first:
-- {property, lease_count, date, start_row, attempt_count, max_attempts}, or null when there is none.
create or replace function public.claim_gsc_import(p_lease_seconds integer)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  c_max_attempts constant integer := 8;
  v public.gsc_properties;
begin
  -- A worker that dies every time without a word must end somewhere too.
  update public.gsc_properties as g
  set import_date = null, import_end = null, next_row = 0, lease_expires_at = null, attempt_count = 0,
    available_at = pipeline.now() + interval '1 day',
    last_error = jsonb_build_object('message', 'the importer ended without a word, time after time', 'code', 'WORKER_LIMIT')
  where g.import_date is not null and g.attempt_count >= c_max_attempts and public.gsc_import_is_due(g);

  select g.* into v
  from public.gsc_properties as g
  where public.gsc_import_is_due(g)
  order by g.available_at
  limit 1
  for update skip locked;
  if not found then
    return null;
  end if;
  if v.import_date is null then
    -- Nothing before the first daily import is wanted, so all of it counts as imported.
    v.imported_until := coalesce(v.imported_until, public.gsc_settled_day() - v.lookback_days);
    v.import_date := v.imported_until + 1;
    v.import_end := public.gsc_settled_day();
    v.next_row := 0;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_count = g.lease_count + 1, attempt_count = g.attempt_count + 1,
    lease_expires_at = pipeline.now() + make_interval(secs => p_lease_seconds)
  where g.property = v.property
  returning g.* into v;
  return jsonb_build_object('property', v.property, 'lease_count', v.lease_count, 'date', v.import_date,
    'start_row', v.next_row, 'attempt_count', v.attempt_count, 'max_attempts', c_max_attempts);
end;
$$;

-- Records that the next p_row_count rows of the day are stored, and whether the day ends with them; renews the lease.
-- {status: "continue", date, start_row} says what comes next; else status is "completed" or "lease_lost".
create or replace function public.checkpoint_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_row_count integer,
  p_is_day_done boolean,
  p_lease_seconds integer
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v public.gsc_properties;
begin
  select g.* into v from public.gsc_properties as g
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null
  for update;
  if not found then
    return jsonb_build_object('status', 'lease_lost');
  end if;
  v.next_row := v.next_row + p_row_count;
  v.lease_expires_at := pipeline.now() + make_interval(secs => p_lease_seconds);
  v.attempt_count := 1;
  if p_is_day_done then
    -- Days that were asked for out of turn leave the daily import where it is.
    if v.import_date = v.imported_until + 1 then
      v.imported_until := v.import_date;
    end if;
    v.import_date := v.import_date + 1;
    v.next_row := 0;
    if v.import_date > v.import_end then
      v.import_date := null;
      v.import_end := null;
      v.lease_expires_at := null;
      v.attempt_count := 0;
    end if;
  end if;
  update public.gsc_properties as g
  set imported_until = v.imported_until, import_date = v.import_date, import_end = v.import_end, next_row = v.next_row,
    lease_expires_at = v.lease_expires_at, attempt_count = v.attempt_count, row_count = g.row_count + p_row_count,
    last_error = null, last_imported_at = pipeline.now()
  where g.property = p_property;
  return case when v.import_date is null then jsonb_build_object('status', 'completed')
    else jsonb_build_object('status', 'continue', 'date', v.import_date, 'start_row', v.next_row) end;
end;
$$;

-- Hands a claimed import back, for whoever comes next; no attempt is spent.
create or replace function public.release_gsc_import(p_property text, p_lease_count bigint)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
begin
  update public.gsc_properties as g
  set lease_expires_at = null, attempt_count = greatest(g.attempt_count - 1, 0)
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status', case when found then 'released' else 'lease_lost' end);
end;
$$;

-- Records why a claimed import failed. p_action "retry": it goes on from its checkpoint after the delay;
-- "dead_letter": it ends, and the daily import begins again tomorrow where the last one stopped.
create or replace function public.fail_gsc_import(
  p_property text,
  p_lease_count bigint,
  p_error jsonb,
  p_action text,
  p_delay_seconds numeric
)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_ends boolean := p_action = 'dead_letter';
begin
  if p_action is null or p_action not in ('retry', 'dead_letter') then
    raise exception 'fail_gsc_import: the action is retry or dead_letter' using errcode = '22023';
  end if;
  update public.gsc_properties as g
  set last_error = p_error,
    lease_expires_at = null,
    import_date = case when not v_ends then g.import_date end,
    import_end = case when not v_ends then g.import_end end,
    next_row = case when v_ends then 0 else g.next_row end,
    attempt_count = case when v_ends then 0 else g.attempt_count end,
    available_at = pipeline.now() + case when v_ends then interval '1 day'
      else make_interval(secs => coalesce(p_delay_seconds, 0)::double precision) end
  where g.property = p_property and g.lease_count = p_lease_count and g.lease_expires_at is not null;
  return jsonb_build_object('status',
    case when not found then 'lease_lost' when v_ends then 'failed' else 'retry_scheduled' end);
end;
$$;

alter table public.gsc_properties enable row level security;
revoke all on public.gsc_properties from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.gsc_properties to service_role;

do $$
declare
  v_function text;
begin
  foreach v_function in array array[
    'upsert_gsc_rows(jsonb)',
    'gsc_settled_day()',
    'gsc_import_is_due(public.gsc_properties)',
    'pending_gsc_import_count()',
    'start_gsc_import(text, date, date)',
    'claim_gsc_import(integer)',
    'checkpoint_gsc_import(text, bigint, integer, boolean, integer)',
    'release_gsc_import(text, bigint)',
    'fail_gsc_import(text, bigint, jsonb, text, numeric)'
  ] loop
    execute format('revoke execute on function public.%s from public, anon, authenticated', v_function);
    execute format('grant execute on function public.%s to service_role', v_function);
  end loop;
end;
$$;
