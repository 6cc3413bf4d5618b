-- A site's pages are summed up one by one, so that a plan of many pages is made in as many invocations as it takes.

alter table public.site_pages add column summary bytea;
alter table public.site_pages add column sketches bytea;
alter table public.site_pages add column links jsonb;
comment on column public.site_pages.summary is 'What a plan needs of the page without its text, as crates/site packs it; null: not yet made';
comment on column public.site_pages.sketches is 'Its queries'' sketches, by which topics of different pages are compared; null: not yet made';
comment on column public.site_pages.links is 'Links that the page could set, by the job''s plan; null: not yet looked for';
alter table public.site_pages alter column summary set storage external, alter column sketches set storage external;

alter table public.site_answers alter column coverage drop not null;
comment on column public.site_answers.coverage is 'Null: not yet looked at';
create index site_answers_open_idx on public.site_answers (job_id, other_page_id) where coverage is null;
