-- Seconds from one finished page to the next while pages are analysed, as lately seen; 3 before anything was seen.
create or replace function pipeline.page_seconds()
returns double precision
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select extract(epoch from max(r.completed_at) - min(r.completed_at)) / nullif(count(*) - 1, 0)
     from (
       select j.completed_at from pipeline.jobs as j
       where j.pipeline = 'pageperfect' and j.parent_pipeline = 'site' and j.status = 'completed'
         and j.parent_id = (
           select l.parent_id from pipeline.jobs as l
           where l.pipeline = 'pageperfect' and l.parent_pipeline = 'site' and l.status = 'completed'
           order by l.completed_at desc limit 1)) as r),
    3);
$$;

revoke execute on function pipeline.page_seconds() from public, anon, authenticated;
