create or replace function pipeline.crawl_is_pending()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  perform pipeline.submit_crawl(new);
  return null;
end;
$$;

revoke execute on function pipeline.crawl_is_pending() from public, anon, authenticated;

create or replace trigger crawl_is_pending after insert or update of status on public.crawl_jobs
for each row when (new.status = 'pending') execute function pipeline.crawl_is_pending();
