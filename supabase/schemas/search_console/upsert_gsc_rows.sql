-- Stores rows [{page, query, date, impressions, clicks, position}] and makes the pages they name, which are the project's
-- own. `page` is a normalised URL; `date` is a day, or null for a total over a period. Rows of one key within a call are added up;
-- a row that is stored already is replaced. Nothing is dropped, which makes this an upload in parts, not a snapshot.
-- Returns {row_count, page_count} of the call.
create or replace function public.upsert_gsc_rows(p_rows jsonb)
returns jsonb
language plpgsql
security invoker
set search_path = ''
as $$
declare
  v_page text;
  v_page_count integer;
  v_row_count integer;
begin
  if p_rows is null or jsonb_typeof(p_rows) <> 'array' then
    raise exception 'upsert_gsc_rows: p_rows must be an array of rows' using errcode = '22023';
  end if;
  select r.page into v_page
  from jsonb_to_recordset(p_rows) as r (page text)
  where r.page is null or r.page !~ '^https?://'
  limit 1;
  if found then
    raise exception 'upsert_gsc_rows: % is not the URL of a page', coalesce(v_page, 'null') using errcode = '22023';
  end if;

  -- Ordered, so that two imports of the same pages never wait for each other in a circle.
  insert into public.pages (url)
  select distinct r.page from jsonb_to_recordset(p_rows) as r (page text) order by 1
  on conflict (owner_id, url) do nothing;

  with given as materialized (
    select r.page, r.query, r.date,
      sum(r.impressions)::bigint as impressions,
      sum(r.clicks)::bigint as clicks,
      case
        when count(*) = 1 then min(r.position)
        when sum(r.impressions) filter (where r.position is not null) > 0
        then sum(r.position * r.impressions::double precision) / sum(r.impressions) filter (where r.position is not null)::double precision
        else avg(r.position)
      end as position
    from jsonb_to_recordset(p_rows)
      as r (page text, query text, date date, impressions numeric, clicks numeric, position double precision)
    group by r.page, r.query, r.date
  ),
  stored as (
    insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
    select p.id, n.query, n.date, n.impressions, n.clicks, n.position
    from given as n
    join public.pages as p on p.url = n.page and p.owner_id is null
    order by p.id, n.query, n.date
    on conflict (page_id, query, date) where page_id is not null do update
      set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position
      where (g.impressions, g.clicks, g.position) is distinct from (excluded.impressions, excluded.clicks, excluded.position)
  )
  select count(*), count(distinct n.page) into v_row_count, v_page_count from given as n;
  return jsonb_build_object('row_count', v_row_count, 'page_count', v_page_count);
end;
$$;

revoke execute on function public.upsert_gsc_rows(jsonb) from public, anon, authenticated;
