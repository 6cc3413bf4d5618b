-- Search Console: rows of many pages at once, and the imports that fetch them day by day.
--
-- A property is one row. What of its import is done stands in that row, so that an import which dies goes on where it
-- stopped, under a lease as everywhere: (property, lease_count) is the token, and a stale one changes nothing. Rows
-- are upserted by (page, query, date); a chunk that is sent twice counts once.

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
  available_at timestamptz not null default now(),
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

alter table public.gsc_properties enable row level security;
revoke all on public.gsc_properties from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.gsc_properties to service_role;
