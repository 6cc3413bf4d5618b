-- What a page was shown and clicked in the p_days before a day and after it; of p_queries only, where they are given.
create or replace function pipeline.clicks_around(p_page_id uuid, p_queries text[], p_on date, p_days integer)
returns table (
  clicks_before bigint, clicks_after bigint, impressions_before bigint, impressions_after bigint,
  position_before double precision, position_after double precision)
language sql
stable
set search_path = ''
as $$
  select
    coalesce(sum(g.clicks) filter (where g.date < p_on), 0)::bigint, coalesce(sum(g.clicks) filter (where g.date > p_on), 0)::bigint,
    coalesce(sum(g.impressions) filter (where g.date < p_on), 0)::bigint, coalesce(sum(g.impressions) filter (where g.date > p_on), 0)::bigint,
    sum(g.position * g.impressions) filter (where g.date < p_on) / nullif(sum(g.impressions) filter (where g.date < p_on and g.position is not null), 0),
    sum(g.position * g.impressions) filter (where g.date > p_on) / nullif(sum(g.impressions) filter (where g.date > p_on and g.position is not null), 0)
  from public.gsc_page_query as g
  where g.page_id = pipeline.keyword_page_id(p_page_id) and g.date between p_on - p_days and p_on + p_days
    and (p_queries is null or g.query = any (p_queries));
$$;

revoke execute on function pipeline.clicks_around(uuid, text[], date, integer) from public, anon, authenticated;
