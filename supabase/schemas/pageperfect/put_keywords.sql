-- Upserts undated keyword totals of a page. They are a snapshot of one export: queries of an earlier snapshot that
-- this one does not name are dropped, dated rows are untouched. Returns how many keywords there are now.
create or replace function pipeline.put_keywords(p_page_id uuid, p_keywords jsonb)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  perform 1 from public.pages as p where p.id = p_page_id for update;
  delete from public.gsc_page_query as g
  where g.page_id = p_page_id and g.date is null
    and g.query not in (select k ->> 'query' from jsonb_array_elements(p_keywords) as k);
  insert into public.gsc_page_query as g (page_id, query, date, impressions, clicks, position)
  select p_page_id, k.query, null, sum(k.impressions), sum(k.clicks),
    sum(k.position * greatest(k.impressions, 1)) / sum(greatest(k.impressions, 1)) filter (where k.position is not null)
  from jsonb_to_recordset(p_keywords) as k (query text, impressions numeric, clicks numeric, position double precision)
  group by k.query
  on conflict (page_id, query, date) where page_id is not null do update
  set impressions = excluded.impressions, clicks = excluded.clicks, position = excluded.position;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function pipeline.put_keywords(uuid, jsonb) from public, anon, authenticated;
