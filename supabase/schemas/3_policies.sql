-- What a signed-in user may read: their own jobs and pages, and what hangs on them; a member (access.members), everybody's.
do $$
declare
  v_table text;
begin
  drop policy if exists "Users read their own jobs" on public.pageperfect_jobs;
  create policy "Users read their own jobs" on public.pageperfect_jobs
    for select to authenticated using (user_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.pageperfect_jobs to authenticated;

  foreach v_table in array array['pageperfect_job_stages', 'pageperfect_job_events'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.pageperfect_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
    execute format('grant select on public.%I to authenticated', v_table);
  end loop;

  -- Plans of sites: the jobs, what became of their pages, and their edits.
  drop policy if exists "Users read their own jobs" on public.site_jobs;
  create policy "Users read their own jobs" on public.site_jobs
    for select to authenticated using (user_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.site_jobs to authenticated;
  foreach v_table in array array['site_job_stages', 'site_job_events', 'site_pages', 'site_edits', 'site_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own jobs" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own jobs" on public.%I for select to authenticated
         using (exists (select 1 from public.site_jobs as j where j.id = %I.job_id and j.user_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
  end loop;
  grant select on public.site_job_stages, public.site_job_events, public.site_edits, public.site_drafts to authenticated;
  -- Not what is packed for Rust.
  grant select (job_id, page_id, position, url, last_modified, impressions, status, page_job_id, links, error, created_at)
    on public.site_pages to authenticated;

  drop policy if exists "Users read their own pages" on public.pages;
  create policy "Users read their own pages" on public.pages
    for select to authenticated using (owner_id = (select auth.uid()) or (select access.is_member()));
  grant select on public.pages to authenticated;

  foreach v_table in array array['crawl_jobs', 'gsc_page_query', 'page_embeddings', 'keyword_clusters',
    'rewrite_recommendations', 'rewrite_drafts'] loop
    execute format('drop policy if exists "Users read what belongs to their own pages" on public.%I', v_table);
    execute format(
      'create policy "Users read what belongs to their own pages" on public.%I for select to authenticated
         using (exists (select 1 from public.pages as p where p.id = %I.page_id and p.owner_id = (select auth.uid())) or (select access.is_member()))',
      v_table, v_table);
    if v_table <> 'crawl_jobs' then
      execute format('grant select on public.%I to authenticated', v_table);
    end if;
  end loop;
  -- What a crawl found out, not the megabytes of HTML that it brought.
  grant select (id, page_id, job_id, url, status, attempt_count, max_attempts, queued_at, html_length, http_status, final_url,
    content_type, provider, processing_time_ms, error, finished_at, created_at) on public.crawl_jobs to authenticated;

  -- A letter carries the message that failed, and may be of a job that is gone: for members alone.
  drop policy if exists "Members read dead letters" on public.pageperfect_dead_letters;
  create policy "Members read dead letters" on public.pageperfect_dead_letters
    for select to authenticated using ((select access.is_member()));
  grant select on public.pageperfect_dead_letters to authenticated;
end;
$$;
