-- A page's queries over all their rows: dated rows summed where there are any, else the undated total. A position that no row
-- knows is null.
create or replace function pipeline.page_keywords(p_page_id uuid)
returns table (query text, impressions bigint, clicks bigint, "position" double precision)
language sql
stable
set search_path = ''
as $$
  with ranked as (
    select g.*, bool_or(g.date is not null) over (partition by g.query) as is_dated
    from public.gsc_page_query as g
    where g.page_id = (select pipeline.keyword_page_id(p_page_id))
  )
  select r.query, sum(r.impressions)::bigint, sum(r.clicks)::bigint,
    sum(r.position * greatest(r.impressions, 1)) / sum(greatest(r.impressions, 1)) filter (where r.position is not null)
  from ranked as r
  where (r.date is not null) = r.is_dated
  group by r.query
  order by 2 desc, 1;
$$;

revoke execute on function pipeline.page_keywords(uuid) from public, anon, authenticated;
