-- Seconds from one written draft of a site's plan to the next, as lately seen (the median: jobs are paused and tried again); 30 before
-- anything was seen, three calls of a model that answers in 10.
create or replace function pipeline.draft_seconds()
returns double precision
language sql
stable
set search_path = ''
as $$
  select coalesce(
    (select percentile_cont(0.5) within group (order by extract(epoch from g.gap))
     from (
       select d.created_at - lag(d.created_at) over (partition by d.job_id order by d.created_at) as gap
       from (
         select l.job_id, l.created_at from public.site_drafts as l
         where l.status = 'written' and not l.is_reused
         order by l.created_at desc limit 200) as d) as g),
    30);
$$;

revoke execute on function pipeline.draft_seconds() from public, anon, authenticated;
