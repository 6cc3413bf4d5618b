-- What the segmenter says of a page beside its title, language and date.

alter table public.pages
  add column facts jsonb not null default '{}' check (jsonb_typeof(facts) = 'object');
comment on column public.pages.facts is
  '{language_source, modified_at, site_name, author, breadcrumbs, page_type: {type, probability}, warnings: [{code, message}], segments_dropped}, as the page was last segmented';
