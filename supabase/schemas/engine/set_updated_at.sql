-- Keeps updated_at true without relying on callers.
create or replace function pipeline.set_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.updated_at := now();
  return new;
end;
$$;

revoke execute on function pipeline.set_updated_at() from public, anon, authenticated;

create or replace trigger pages_set_updated_at before update on public.pages
for each row execute function pipeline.set_updated_at();
create or replace trigger crawl_jobs_set_updated_at before update on public.crawl_jobs
for each row execute function pipeline.set_updated_at();
create or replace trigger gsc_page_query_set_updated_at before update on public.gsc_page_query
for each row execute function pipeline.set_updated_at();
create or replace trigger gsc_properties_set_updated_at before update on public.gsc_properties
for each row execute function pipeline.set_updated_at();
-- Those of a pipeline's jobs and payloads are made by pipeline.add_pipeline.
