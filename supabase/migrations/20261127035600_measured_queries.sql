-- What keyword_clustering measured of a topic's queries, for gap_analysis to judge.

alter table public.keyword_clusters
  add column measured jsonb check (jsonb_typeof(measured) = 'array'),
  add column apart text check (apart in ('brand', 'navigation', 'unrelated')),
  add column if not exists kind text check (kind in ('gap', 'partly', 'answered', 'improve', 'brand', 'navigation', 'unrelated')),
  add column if not exists coverage double precision check (coverage between 0 and 1),
  add column if not exists confidence double precision check (confidence between 0 and 1),
  add column if not exists intent text check (intent in ('informational', 'commercial', 'transactional', 'navigational')),
  add column if not exists expected_clicks double precision,
  add column if not exists query_coverage jsonb check (jsonb_typeof(query_coverage) = 'array');
comment on column public.keyword_clusters.measured is
  'Its queries with their coverage and nearest segments, from keyword_clustering until gap_analysis has judged them; null with method cosine';
comment on column public.keyword_clusters.apart is 'Why its queries are no questions to the page; null: they are';

alter table public.rewrite_recommendations
  add column if not exists kind text not null default 'write' check (kind in ('write', 'extend', 'improve')),
  add column if not exists priority text not null default 'P2' check (priority in ('P1', 'P2', 'P3')),
  add column if not exists reason text not null default '',
  add column if not exists open_queries text[] not null default '{}',
  add column if not exists expected_clicks double precision not null default 0,
  add column if not exists coverage double precision check (coverage between 0 and 1),
  add column if not exists confidence double precision check (confidence between 0 and 1),
  add column if not exists place jsonb,
  add column if not exists verification jsonb;
