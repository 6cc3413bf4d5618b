-- Stores the plan that the stage kept as 'report', with the links of its pages. Edits of earlier plans whose queries are answered now, on a page that
-- has changed since, are marked as made. The report with what the engine knows is the job's result, and without drafts
-- to write the job's end.
create or replace function public.commit_site_plan(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_plan', p_msg_id, p_read_ct);
  v_report jsonb;
  v_job pipeline.jobs;
  v_is_last boolean;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_job := pipeline.job('site', v_lease.job_id);
  v_report := public.site_state(v_job.id, 'site_plan', 'report')::jsonb;
  if v_report ? 'pieces' then
    select string_agg(public.site_state(v_job.id, 'site_plan', 'report ' || n), '' order by n)::jsonb into v_report
    from generate_series(0, (v_report ->> 'pieces')::integer - 1) as n;
  end if;
  v_report := jsonb_set(v_report, '{links}', (
    select coalesce(jsonb_agg(l.link order by s.position, l.ordinality), '[]'::jsonb)
    from public.site_pages as s cross join lateral jsonb_array_elements(s.links) with ordinality as l (link, ordinality)
    where s.job_id = v_job.id));
  -- Megabytes that nobody reads again.
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = v_job.id and (c.stage like 'site_plan %' or c.stage like 'site_topics similar%');
  delete from public.site_edits as e where e.job_id = v_job.id;
  insert into public.site_edits (job_id, id, rank, kind, page_id, target_page_id, label, queries, coverage, expected_clicks, edit)
  select v_job.id, e ->> 'id', (e ->> 'rank')::integer, e ->> 'kind', (e ->> 'page_id')::uuid, (e ->> 'target_page_id')::uuid,
    e ->> 'label', array(select jsonb_array_elements_text(e -> 'queries')), (e ->> 'coverage')::double precision,
    (e ->> 'expected_clicks')::double precision, e
  from jsonb_array_elements(v_report -> 'edits') as e;
  perform pipeline.mark_site_edits(v_job.id);
  update public.site_drafts as d set is_of_plan = false where d.job_id = v_job.id;
  v_is_last := not exists (select from pipeline.site_drafts_wanted(v_job.id));
  return pipeline.finish_stage(v_lease,
    jsonb_build_object('edit_count', jsonb_array_length(v_report -> 'edits'), 'link_count', jsonb_array_length(v_report -> 'links'),
      'topic_count', jsonb_array_length(v_report -> 'topics'), 'expected_clicks', v_report -> 'site' -> 'expected_clicks'),
    pipeline.site_result(v_job.id, v_report), v_is_last);
end;
$$;

revoke execute on function public.commit_site_plan(bigint, integer, jsonb) from public, anon, authenticated;
