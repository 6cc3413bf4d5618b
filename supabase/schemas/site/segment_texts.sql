-- The texts of a page job's segments, in order: whether a page has changed.
create or replace function pipeline.segment_texts(p_result jsonb)
returns text
language sql
immutable
set search_path = ''
as $$
  select md5(string_agg(s ->> 'text', E'\n' order by ordinality))
  from jsonb_array_elements(p_result -> 'segments') with ordinality as s (s, ordinality);
$$;

revoke execute on function pipeline.segment_texts(jsonb) from public, anon, authenticated;
