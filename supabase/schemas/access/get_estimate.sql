-- What a request to the intake will take, before it is sent, going by the newest analyses: {page_count, query_count, seconds,
-- tokens, usd, job_count}. `keyword_count` stands for the request's keywords. page_count is null while nobody knows how many pages a
-- sitemap names, and the rest is then of max_pages; query_count is that of a page. What no analysis of late can tell is null. Users
-- learn nothing of others: their estimate goes by their own analyses, and tokens and usd are null.
create or replace function access.get_estimate(p_request jsonb)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid := auth.uid();
  v_site jsonb := p_request -> 'site';
  v_most integer := coalesce((p_request ->> 'max_pages')::integer, 300);
  v_draft_count integer := case when coalesce((p_request ->> 'generate_draft')::boolean, true)
    then coalesce((p_request #>> '{parameters,drafts}')::integer, 1) else 0 end;
  v_page_count integer := 1;
  v_query_count bigint := (p_request ->> 'keyword_count')::bigint;
  -- Drafts of its plan.
  v_site_draft_count integer := case when v_site is null then 0 else coalesce((p_request ->> 'drafts')::integer, 0) end;
  v_draft record;
  v_page record;
begin
  if v_site is not null then
    v_page_count := case
      when v_site ? 'urls' then least(jsonb_array_length(v_site -> 'urls'), v_most)
      when v_site ? 'property' then (
        select least(count(*), v_most) from public.pages as p
        where p.owner_id is not distinct from v_owner_id and pipeline.is_of_property(p.url, v_site ->> 'property')
          and exists (select from public.gsc_page_query as g where g.page_id = p.id)) end;
  elsif v_query_count is null then
    select count(*) into v_query_count
    from public.pages as p, pipeline.page_keywords(p.id)
    where p.url = p_request ->> 'url' and p.owner_id is not distinct from v_owner_id;
  end if;

  with lately as materialized (
    select n.id, coalesce((n.result #>> '{summary,query_count}')::bigint, 0) as query_count,
      jsonb_array_length(coalesce(n.result -> 'drafts', '[]'::jsonb)) as draft_count
    from pipeline.jobs as n
    where n.pipeline = 'pageperfect' and n.status = 'completed' and n.result is not null
      and ((select access.is_member()) or n.user_id = v_owner_id)
    order by n.completed_at desc limit 30
  ), units as (
    -- A page's text, its queries and its drafts: each is paid for, and takes its time, by its number.
    select 'page' as part, count(*)::numeric as had, 1::numeric as wanted from lately
    union all
    select 'query', sum(l.query_count), coalesce(v_query_count, avg(l.query_count)) from lately as l
    union all
    select 'draft', sum(l.draft_count), v_draft_count from lately as l
  ), part_of (stage, part) as (
    select c.stage, case c.stage when 'keyword_clustering' then 'query' when 'rewrite_draft' then 'draft' else 'page' end
    from pipeline.stage_config as c where c.pipeline = 'pageperfect'
  ), used as (
    select o.part, sum(u.input_tokens + u.output_tokens) as tokens, sum(u.cost_usd) as usd, bool_or(u.cost_usd is null) as is_unpriced
    from public.model_usage as u join lately as l on l.id = u.job_id join part_of as o using (stage) group by o.part
  ), took as (
    select o.part, extract(epoch from sum(s.finished_at - s.started_at)) as seconds
    from pipeline.job_stages as s join lately as l on l.id = s.job_id join part_of as o using (stage)
    where s.pipeline = 'pageperfect' group by o.part
  )
  select sum(n.had) filter (where n.part = 'page') as job_count,
    sum(t.seconds * n.wanted / n.had) as seconds,
    case when not coalesce(bool_or(n.had is null and n.wanted > 0), true) then sum(u.tokens * n.wanted / n.had) end as tokens,
    case when not coalesce(bool_or(n.had is null and n.wanted > 0 or u.is_unpriced), true) then sum(u.usd * n.wanted / n.had) end as usd
  into v_page
  from (select m.part, m.wanted, nullif(m.had, 0) as had from units as m) as n
  left join used as u using (part) left join took as t using (part);

  select case when v_site_draft_count = 0 then 0 else d.tokens * v_site_draft_count end as tokens,
    case when v_site_draft_count = 0 then 0 else d.usd * v_site_draft_count end as usd
  into v_draft from pipeline.site_draft_cost(null, null) as d;

  return jsonb_build_object(
    'page_count', v_page_count, 'query_count', case when v_site is null then v_query_count end, 'job_count', coalesce(v_page.job_count, 0),
    'seconds', case when v_site is null then v_page.seconds
      when v_page.job_count > 0 then coalesce(v_page_count, v_most) * pipeline.page_seconds() end)
    || case when (select access.is_member()) then jsonb_build_object(
      'tokens', round(v_page.tokens * coalesce(v_page_count, v_most) + v_draft.tokens),
        'usd', round(v_page.usd * coalesce(v_page_count, v_most) + v_draft.usd, 6))
      else '{"tokens": null, "usd": null}'::jsonb end;
end;
$$;

revoke execute on function access.get_estimate(jsonb) from public, anon, authenticated;
grant execute on function access.get_estimate(jsonb) to authenticated, service_role;
