-- Chooses the pages of a site's job: p_output {model, pages: [{url, last_modified}] | null, refused_count, left_out: [{url, message}] (parts of a
-- sitemap index), drafter: {provider, model} | null}; without pages those of
-- the property that have Search Console rows. A page whose queries, parameters, model and modification time are those of an earlier
-- analysis keeps its result; without a modification time for as long as max_age_hours says. What the ceiling (max_usd) does not
-- pay for is left out, the pages with the fewest impressions first.
create or replace function public.commit_select_pages(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'select_pages', p_msg_id, p_read_ct);
  v_job pipeline.jobs;
  v_property text;
  v_select text;
  v_days integer;
  v_until date;
  v_max_pages integer;
  v_page_usd numeric;
  v_page_tokens numeric;
  v_draft_count integer;
  v_draft record;
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_job := pipeline.job('site', v_lease.job_id);
  v_property := v_job.payload -> 'site' ->> 'property';
  v_select := coalesce(v_job.payload ->> 'select', 'impressions');
  v_max_pages := coalesce((v_job.payload ->> 'max_pages')::integer, 300);

  create temporary table site_candidates (page_id uuid, url text, last_modified text, keyword_page_id uuid, has_rows boolean) on commit drop;
  if jsonb_typeof(p_output -> 'pages') = 'array' then
    insert into public.pages (owner_id, url)
    select v_job.user_id, g.url from jsonb_to_recordset(p_output -> 'pages') as g (url text)
    group by g.url order by g.url
    on conflict (owner_id, url) do nothing;
    insert into pg_temp.site_candidates
    select c.id, c.url, c.last_modified, c.keyword_page_id,
      exists (select from public.gsc_page_query as g where g.page_id = c.keyword_page_id)
    from (
      select distinct on (p.id) p.id, p.url, g.last_modified,
        case when v_job.user_id is null then p.id else pipeline.keyword_page_id(p.id) end as keyword_page_id
      from jsonb_to_recordset(p_output -> 'pages') as g (url text, last_modified text)
      -- Two look-ups in the index, which "is not distinct from" does not use.
      cross join lateral (
        select o.id, o.url from public.pages as o where o.owner_id = v_job.user_id and o.url = g.url
        union all
        select o.id, o.url from public.pages as o where v_job.user_id is null and o.owner_id is null and o.url = g.url) as p
      order by p.id) as c;
  else
    insert into pg_temp.site_candidates
    select p.id, p.url, null, p.id, true from public.pages as p
    where p.owner_id is not distinct from v_job.user_id
      and pipeline.is_of_property(p.url, v_property)
      and exists (select from public.gsc_page_query as g where g.page_id = p.id);
  end if;

  select max(g.date) into v_until from public.gsc_page_query as g where g.page_id in (select c.keyword_page_id from pg_temp.site_candidates as c);
  v_days := coalesce((v_job.payload ->> 'period_days')::integer, case when v_until is null then 90 else 28 end);
  v_until := coalesce(v_until, current_date);

  insert into public.site_pages (job_id, page_id, position, url, last_modified, impressions, digest, status, page_job_id)
  select v_job.id, f.page_id, row_number() over (order by f.weight desc, f.url), f.url, f.last_modified, f.impressions, f.digest,
    case when f.page_job_id is null then 'waiting' else 'reused' end, f.page_job_id
  from (
    select c.page_id, c.url, c.last_modified, c.impressions, d.digest, r.page_job_id, c.weight
    -- All are ranked before anything else is asked of the first: a sitemap may name 50,000.
    from (
      select c.page_id, c.url, c.last_modified, k.impressions, k.keywords,
        case v_select when 'potential' then k.potential else k.impressions end as weight
      from pg_temp.site_candidates as c
      cross join lateral (
        select coalesce(sum(k.impressions), 0)::bigint as impressions,
          coalesce(sum(k.impressions) filter (where k.position > 4 and k.position <= 20), 0)::bigint as potential,
          md5(coalesce(string_agg(concat_ws('|', k.query, k.impressions, k.clicks, round(k.position::numeric, 2)), E'\n' order by k.query), '')) as keywords
        from pipeline.site_keywords(c.page_id, v_until, v_days) as k
        where c.has_rows) as k
      where k.impressions > 0 or v_select = 'all' or jsonb_typeof(p_output -> 'pages') = 'array'
      order by weight desc, c.url) as c
    cross join lateral (select md5(concat_ws(E'\n', c.keywords, v_job.payload -> 'parameters', p_output ->> 'model')) as digest) as d
    left join lateral (
      select s.page_job_id
      from public.site_pages as s
      join pipeline.jobs as j on j.pipeline = 'pageperfect' and j.id = s.page_job_id
      where s.page_id = c.page_id and s.digest = d.digest and s.status in ('done', 'reused')
        and j.status = 'completed' and j.result is not null
        -- The page's rows are those of its last analysis.
        and exists (select from public.page_embeddings as e where e.page_id = c.page_id and e.job_id = j.id)
        and case when c.last_modified is not null and s.last_modified is not null then c.last_modified = s.last_modified
          else j.completed_at > pipeline.now() - make_interval(hours => coalesce((v_job.payload ->> 'max_age_hours')::integer, 24)) end
      order by s.created_at desc
      limit 1) as r on true
  ) as f
  where v_select <> 'changed' or f.page_job_id is null
  order by f.weight desc, f.url
  limit v_max_pages
  on conflict (job_id, page_id) do nothing;

  -- What a page has cost lately, with this project's models; before the first one it is unknown.
  select avg(u.usd), avg(u.tokens) into v_page_usd, v_page_tokens from (
    select sum(u.cost_usd) as usd, sum(u.input_tokens + u.output_tokens) as tokens
    from public.model_usage as u where u.pipeline = 'pageperfect'
    group by u.job_id order by max(u.created_at) desc limit 100) as u;
  if v_page_usd > 0 and v_job.payload ? 'max_usd' then
    update public.site_pages as s
    set status = 'skipped', error = jsonb_build_object('code', 'ceiling', 'message', 'the job''s ceiling does not pay for this page')
    from (
      select w.page_id, row_number() over (order by w.position) as place
      from public.site_pages as w where w.job_id = v_job.id and w.status = 'waiting') as w
    where s.job_id = v_job.id and s.page_id = w.page_id and w.place * v_page_usd > (v_job.payload ->> 'max_usd')::numeric;
  end if;

  v_draft_count := coalesce((v_job.payload ->> 'drafts')::integer, 0);
  select * into v_draft from pipeline.site_draft_cost(p_output #>> '{drafter,provider}', p_output #>> '{drafter,model}');
  select jsonb_build_object(
    'page_count', count(*), 'reused_count', count(*) filter (where s.status = 'reused'),
    'to_analyse_count', count(*) filter (where s.status = 'waiting'), 'ceiling_count', count(*) filter (where s.status = 'skipped'),
    'unseen_count', count(*) filter (where s.impressions = 0),
    'left_out', coalesce(p_output -> 'left_out', '[]'::jsonb),
    'period_days', v_days, 'period_end', v_until, 'refused_count', coalesce((p_output ->> 'refused_count')::integer, 0),
    'estimate', jsonb_build_object(
      'crawls', count(*) filter (where s.status = 'waiting'),
      'tokens', round(v_page_tokens * count(*) filter (where s.status = 'waiting')),
      'usd', round(v_page_usd * count(*) filter (where s.status = 'waiting'), 4),
      -- With drafts, at most: a plan may have fewer edits that a draft helps.
      'minutes', round(((pipeline.page_seconds() * count(*) filter (where s.status = 'waiting') + pipeline.draft_seconds() * v_draft_count) / 60)::numeric, 1),
      'drafts', jsonb_build_object('count', v_draft_count, 'tokens', round(v_draft.tokens * v_draft_count),
        'usd', round(v_draft.usd * v_draft_count, 4))))
  into v_facts from public.site_pages as s where s.job_id = v_job.id;
  if (v_facts ->> 'page_count')::integer = 0 then
    raise exception 'no page to analyse: %', case
      when not exists (select from pg_temp.site_candidates) then
        format('there are no Search Console rows of pages of %s', coalesce(v_property, 'the source'))
      when v_select = 'changed' then 'none has changed since it was analysed'
      else 'none was seen in the search results of the period' end using errcode = '22023';
  end if;
  -- Told before anything is paid for: what nobody searches for has no gaps.
  if (v_facts ->> 'unseen_count')::integer = (v_facts ->> 'page_count')::integer then
    raise exception 'no search queries of the % pages are known, and a plan is made of those: import their Search Console rows first',
      v_facts ->> 'page_count' using errcode = '22023';
  end if;
  return pipeline.finish_stage(v_lease, v_facts);
end;
$$;

revoke execute on function public.commit_select_pages(bigint, integer, jsonb) from public, anon, authenticated;
