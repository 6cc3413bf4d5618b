-- What keyword_clustering measured of a topic's queries, for gap_analysis to judge.

alter table public.keyword_clusters
  add column measured jsonb check (jsonb_typeof(measured) = 'array'),
  add column apart text check (apart in ('brand', 'navigation', 'unrelated'));
comment on column public.keyword_clusters.measured is
  'Its queries with their coverage and nearest segments, from keyword_clustering until gap_analysis has judged them; null with method cosine';
comment on column public.keyword_clusters.apart is 'Why its queries are no questions to the page; null: they are';
