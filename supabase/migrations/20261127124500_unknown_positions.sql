-- Where people searched, and how often, is known from more tools than Search Console; where the page stood is not.
alter table public.gsc_page_query alter column position drop not null;
comment on column public.gsc_page_query.position is 'Average rank in the results, 1 is the first; null: not known';
