-- What was counted before and after the edits of a site's job that were made: an array of {id, kind, url, label, made_at, window_days,
-- is_over, clicks, impressions, position_before, position_after, controls}, one an edit and window of 7, 30 and 90 days; clicks, impressions
-- and controls (the job's pages that nobody edited) are {before, after}. A window that is not over has no figures yet.
create or replace function public.site_outcomes(p_job_id uuid)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  with edits as (
    select e.*, e.made_at::date as made_on, w.days as window_days,
      (select max(g.date) from public.gsc_page_query as g where g.page_id = pipeline.keyword_page_id(e.page_id)) as counted_until
    from public.site_edits as e cross join unnest(array[7, 30, 90]) as w (days)
    where e.job_id = p_job_id and e.made_at is not null
  ),
  untouched as (
    select s.page_id from public.site_pages as s
    where s.job_id = p_job_id
      and not exists (select from public.site_edits as m where m.job_id = p_job_id and m.page_id = s.page_id and m.made_at is not null)
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'kind', e.kind, 'url', e.edit ->> 'url', 'label', e.label, 'made_at', e.made_at,
      'window_days', e.window_days, 'is_over', coalesce(e.counted_until >= e.made_on + e.window_days, false))
    || case when e.counted_until >= e.made_on + e.window_days then jsonb_build_object(
      'clicks', jsonb_build_object('before', c.clicks_before, 'after', c.clicks_after),
      'impressions', jsonb_build_object('before', c.impressions_before, 'after', c.impressions_after),
      'position_before', c.position_before, 'position_after', c.position_after,
      'controls', (
        select coalesce(jsonb_agg(jsonb_build_object('before', u.clicks_before, 'after', u.clicks_after) order by t.page_id), '[]'::jsonb)
        from untouched as t cross join lateral pipeline.clicks_around(t.page_id, null, e.made_on, e.window_days) as u)) else '{}'::jsonb end
    order by e.rank, e.window_days), '[]'::jsonb)
  from edits as e
  cross join lateral pipeline.clicks_around(e.page_id, e.queries, e.made_on, e.window_days) as c;
$$;

revoke execute on function public.site_outcomes(uuid) from public, anon, authenticated;
