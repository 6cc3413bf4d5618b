-- What the draft of one edit of a site's plan is made from: {desk, scoring, is_read} (crates/draft, desk): its page (for a new one, that
-- which is shown today), the edit alone, and a topic of the queries that the page leaves open. Of a new page there is an outline. Nearest are the segments that come nearest to the page's topic which holds most of
-- them: its centroid is the mean of their vectors. is_read: a reader has looked for them on the page when it was analysed.
create or replace function public.site_draft_input(p_job_id uuid, p_edit_id text)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_parameters jsonb := coalesce((pipeline.job('site', p_job_id)).payload -> 'parameters', '{}'::jsonb);
  v_edit public.site_edits;
  v_threshold double precision;
  v_topic_id bigint;
  v_queries jsonb;
  v_open text[];
begin
  select * into v_edit from public.site_edits as e where e.job_id = p_job_id and e.id = p_edit_id;
  if not found then
    raise exception 'the plan of job % has no edit %', p_job_id, p_edit_id using errcode = 'P0002';
  end if;
  v_threshold := coalesce((
    select (pipeline.latest_payload('pageperfect', s.page_job_id) ->> 'threshold')::double precision
    from public.site_pages as s where s.job_id = p_job_id and s.page_id = v_edit.page_id), 0.7);

  with known as materialized (
    select t.id, q.q ->> 'query' as query, q.q, coalesce((q.q ->> 'impressions')::double precision, 0) as impressions
    from pipeline.page_topics(v_edit.page_id, v_threshold) as t
    cross join jsonb_array_elements(t.queries) as q (q)
    where q.q ->> 'query' = any (v_edit.queries)
  )
  select
    (select k.id from known as k group by k.id order by sum(k.impressions) desc, k.id limit 1),
    jsonb_agg(coalesce(k.q, jsonb_build_object('query', e.query, 'variants', '[]'::jsonb, 'impressions', 0, 'clicks', 0, 'position', null,
      'coverage', 0, 'segment_id', null, 'is_answered', false, 'missing_terms', '[]'::jsonb)) order by e.ordinality),
    array_agg(e.query order by e.ordinality) filter (where not coalesce((k.q ->> 'is_answered')::boolean, false))
  into v_topic_id, v_queries, v_open
  from unnest(v_edit.queries) with ordinality as e (query, ordinality)
  left join lateral (select k.q from known as k where k.query = e.query order by k.impressions desc, k.id limit 1) as k on true;
  -- What extends a passage names what that one answers as well; with nothing open the page has changed since.
  v_open := coalesce(v_open, v_edit.queries);

  return jsonb_build_object(
    'scoring', case when coalesce(v_parameters ->> 'method', 'calibrated') = 'calibrated'
      then pipeline.draft_scoring(v_edit.page_id, v_threshold) end,
    -- As many as a reader is asked about (crates/draft, limits).
    'is_read', not exists (
      select from unnest(v_open[1:8]) as q (query)
      where not exists (
        select from public.rewrite_recommendations as r cross join jsonb_array_elements(r.verification -> 'queries') as v (v)
        where r.page_id = v_edit.page_id and v.v ->> 'query' = q.query)),
    'desk', jsonb_build_object(
      'page', pipeline.desk_page(v_edit.page_id),
      'segments', pipeline.desk_segments(v_edit.page_id),
      'edits', jsonb_build_array(jsonb_build_object('id', 1, 'kind', v_edit.kind, 'topic_id', 1, 'label', v_edit.label,
        'open_queries', v_open, 'expected_clicks', v_edit.expected_clicks, 'impressions', v_edit.edit -> 'impressions',
        'coverage', v_edit.coverage, 'confidence', v_edit.edit -> 'confidence', 'place', v_edit.edit -> 'place',
        'nearest', pipeline.nearest_segments(v_edit.page_id, v_topic_id))),
      'topics', jsonb_build_array(jsonb_build_object('id', 1, 'kind', 'gap', 'confidence', v_edit.edit -> 'confidence', 'queries', v_queries)),
      'top', 1, 'threshold', v_threshold, 'draft_count', 1,
      'form', case when v_edit.kind = 'new_page' then 'outline' else coalesce(v_parameters ->> 'draft_form', 'text') end));
end;
$$;

revoke execute on function public.site_draft_input(uuid, text) from public, anon, authenticated;
