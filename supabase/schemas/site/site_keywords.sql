-- A page's queries of the last p_days up to p_until and of as many days before; undated totals where a page has no dated rows.
create or replace function pipeline.site_keywords(p_page_id uuid, p_until date, p_days integer)
returns table (
  query text, impressions bigint, clicks bigint, "position" double precision,
  impressions_before bigint, clicks_before bigint, position_before double precision)
language sql
stable
set search_path = ''
as $$
  select g.query,
    coalesce(sum(g.impressions) filter (where v.is_now), 0)::bigint,
    coalesce(sum(g.clicks) filter (where v.is_now), 0)::bigint,
    sum(g.position * greatest(g.impressions, 1)) filter (where v.is_now)
      / sum(greatest(g.impressions, 1)) filter (where v.is_now and g.position is not null),
    sum(g.impressions) filter (where not v.is_now)::bigint,
    sum(g.clicks) filter (where not v.is_now)::bigint,
    sum(g.position * greatest(g.impressions, 1)) filter (where not v.is_now)
      / sum(greatest(g.impressions, 1)) filter (where not v.is_now and g.position is not null)
  from public.gsc_page_query as g
  cross join lateral (select g.date is null or g.date > p_until - p_days as is_now) as v
  where g.page_id = (select pipeline.keyword_page_id(p_page_id))
    and (g.date > p_until - 2 * p_days and g.date <= p_until
      or g.date is null and not exists (
        select from public.gsc_page_query as d where d.page_id = g.page_id and d.query = g.query and d.date is not null))
  group by g.query;
$$;

revoke execute on function pipeline.site_keywords(uuid, date, integer) from public, anon, authenticated;
