-- Takes what a reader and a writer made of the recommendations, and completes the job with its result. p_output:
-- {edits: those that are left, by rank; topics: those that a reader changed; drafts; skipped, reason; verified_by; usage}.
create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('pageperfect', 'rewrite_draft', p_msg_id, p_read_ct);
  v_count integer;
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  update public.keyword_clusters as k
  set kind = t.kind, coverage = t.coverage, confidence = t.confidence, query_coverage = t.queries,
      opportunity = k.impressions * (1 - t.coverage)
  from jsonb_to_recordset(p_output -> 'topics') as t (
    id bigint, kind text, coverage double precision, confidence double precision, queries jsonb)
  where k.id = t.id and k.page_id = v_lease.page_id;

  if p_output ? 'edits' then
    delete from public.rewrite_recommendations as r
    where r.page_id = v_lease.page_id
      and not exists (select 1 from jsonb_to_recordset(p_output -> 'edits') as d (id bigint) where d.id = r.id);
    -- Out of the way first: the ranks of a page are unique, also between two rows of one update.
    update public.rewrite_recommendations as r set rank = r.rank + 1000000 where r.page_id = v_lease.page_id;
    update public.rewrite_recommendations as r
    set rank = d.rank, kind = d.kind, open_queries = d.open_queries, expected_clicks = d.expected_clicks,
        opportunity = d.opportunity, coverage = d.coverage, confidence = d.confidence, place = d.place,
        verification = nullif(d.verification, 'null')
    from jsonb_to_recordset(p_output -> 'edits') as d (
      id bigint, rank integer, kind text, open_queries text[], expected_clicks double precision, opportunity double precision,
      coverage double precision, confidence double precision, place jsonb, verification jsonb)
    where r.id = d.id and r.page_id = v_lease.page_id;
    get diagnostics v_count = row_count;
    if v_count <> jsonb_array_length(p_output -> 'edits') then
      raise exception 'the recommendations of page % were replaced while they were read', v_lease.page_id
        using errcode = '40001';
    end if;
  end if;

  insert into public.rewrite_drafts (
    page_id, job_id, recommendation_id, label, rank, form, provider, model, draft, prompt_tokens, completion_tokens,
    coverage_before, coverage_after, per_query, attempts, closes_gap, brief)
  select v_lease.page_id, v_lease.job_id, r.id, r.label, r.rank, coalesce(d.form, 'text'), d.provider, d.model, d.draft,
    d.prompt_tokens, d.completion_tokens, d.coverage_before, d.coverage_after, coalesce(d.per_query, '[]'::jsonb),
    coalesce(d.attempts, 1), d.closes_gap, nullif(d.brief, 'null')
  from jsonb_to_recordset(p_output -> 'drafts') as d (
    edit_id bigint, form text, provider text, model text, draft jsonb, prompt_tokens integer, completion_tokens integer,
    coverage_before double precision, coverage_after double precision, per_query jsonb, attempts integer, closes_gap boolean,
    brief jsonb)
  join public.rewrite_recommendations as r on r.id = d.edit_id and r.page_id = v_lease.page_id;
  get diagnostics v_count = row_count;
  if v_count <> coalesce(jsonb_array_length(p_output -> 'drafts'), 0) then
    raise exception 'the recommendations of page % were replaced while drafts were written', v_lease.page_id
      using errcode = '40001';
  end if;

  perform pipeline.drop_unfinished(v_lease);
  v_facts := pipeline.usage_fact(v_lease, p_output)
    || jsonb_build_object('verified_by', p_output -> 'verified_by', 'draft_count', v_count)
    || case when v_count > 0 then jsonb_build_object('draft_model', p_output -> 'drafts' -> 0 ->> 'model')
       else jsonb_build_object('draft_skipped', coalesce(p_output ->> 'reason', 'no_gaps')) end;
  return pipeline.finish_stage(v_lease, v_facts, (
    select jsonb_object_agg(a.key, a.value)
    from pipeline.pageperfect_analysis(v_lease.job_id, v_lease.page_id, coalesce(v_lease.message -> 'payload', '{}') || v_facts) as a));
end;
$$;

revoke execute on function public.commit_rewrite_draft(bigint, integer, jsonb) from public, anon, authenticated;
