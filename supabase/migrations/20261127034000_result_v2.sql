-- The result of a job, version 2 (docs/report-schema): coverage a query, recommendations with a place, several drafts a job.

alter table public.keyword_clusters
  add column kind text check (kind in ('gap', 'partly', 'answered', 'improve', 'brand', 'navigation', 'unrelated')),
  add column coverage double precision check (coverage between 0 and 1),
  add column confidence double precision check (confidence between 0 and 1),
  add column intent text check (intent in ('informational', 'commercial', 'transactional', 'navigational')),
  add column expected_clicks double precision,
  add column query_coverage jsonb check (jsonb_typeof(query_coverage) = 'array');
comment on column public.keyword_clusters.kind is 'What the page makes of the topic; null until gap_analysis was there';
comment on column public.keyword_clusters.coverage is 'That of its queries, weighted by impressions, 0 to 1';
comment on column public.keyword_clusters.confidence is 'How sure its kind is, 0 to 1';
comment on column public.keyword_clusters.expected_clicks is 'More clicks a month, were it answered in full';
comment on column public.keyword_clusters.query_coverage is
  'Its queries as the result shows them: {query, variants, impressions, clicks, position, coverage, segment_id, is_answered, missing_terms}';

alter table public.rewrite_recommendations
  add column kind text not null default 'write' check (kind in ('write', 'extend', 'improve')),
  add column priority text not null default 'P2' check (priority in ('P1', 'P2', 'P3')),
  add column reason text not null default '',
  add column open_queries text[] not null default '{}',
  add column expected_clicks double precision not null default 0,
  add column coverage double precision check (coverage between 0 and 1),
  add column confidence double precision check (confidence between 0 and 1),
  add column place jsonb,
  add column verification jsonb;
comment on table public.rewrite_recommendations is
  'What to do to a page, ranked; until rewrite_draft was there with more than the job asks for, since a reader may strike some out';
comment on column public.rewrite_recommendations.kind is
  'write: a section that is missing; extend: a passage that answers in part; improve: one that answers and could do better';
comment on column public.rewrite_recommendations.expected_clicks is 'More clicks a month';
comment on column public.rewrite_recommendations.place is
  '{kind, after_heading, before_heading, parent_heading, heading_path, segment_id, level}';
comment on column public.rewrite_recommendations.verification is
  '{verdict, quote, model, queries}: what a language model found that read the page; null when none did';

alter table public.rewrite_drafts
  drop constraint rewrite_drafts_job_id_key,
  add column rank integer not null default 1 check (rank > 0),
  add column form text not null default 'text' check (form in ('text', 'outline')),
  add column coverage_before double precision check (coverage_before between 0 and 1),
  add column coverage_after double precision check (coverage_after between 0 and 1),
  add column per_query jsonb not null default '[]',
  add column attempts integer not null default 1 check (attempts > 0),
  add column closes_gap boolean,
  add column brief jsonb,
  add constraint rewrite_drafts_job_id_rank_key unique (job_id, rank);
comment on table public.rewrite_drafts is 'Drafted sections; kept when a later analysis replaces the recommendations';
comment on column public.rewrite_drafts.rank is 'That of its recommendation in the job';
comment on column public.rewrite_drafts.coverage_before is 'Of the recommendation''s open queries by the page alone';
comment on column public.rewrite_drafts.coverage_after is 'The same by the page with the draft; null: not measured';
comment on column public.rewrite_drafts.per_query is '[{query, before, after}]';
