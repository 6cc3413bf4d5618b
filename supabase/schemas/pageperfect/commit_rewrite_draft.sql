create or replace function public.commit_rewrite_draft(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('rewrite_draft', p_msg_id, p_read_ct);
  v_facts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if coalesce((p_output ->> 'skipped')::boolean, false) then
    v_facts := jsonb_build_object('draft_skipped', p_output ->> 'reason');
  else
    insert into public.rewrite_drafts (
      page_id, job_id, recommendation_id, label, provider, model, draft, prompt_tokens, completion_tokens)
    select v_lease.page_id, v_lease.job_id, r.id, r.label, p_output ->> 'provider', p_output ->> 'model', p_output -> 'draft',
      (p_output ->> 'prompt_tokens')::integer, (p_output ->> 'completion_tokens')::integer
    from public.rewrite_recommendations as r
    where r.id = (p_output ->> 'recommendation_id')::bigint
    on conflict (job_id) do update
    set recommendation_id = excluded.recommendation_id, label = excluded.label, provider = excluded.provider,
        model = excluded.model, draft = excluded.draft, prompt_tokens = excluded.prompt_tokens,
        completion_tokens = excluded.completion_tokens;
    if not found then
      raise exception 'recommendation % was replaced while its draft was written', p_output ->> 'recommendation_id'
        using errcode = '40001';
    end if;
    v_facts := jsonb_build_object('draft_model', p_output ->> 'model') || pipeline.usage_fact(v_lease, jsonb_build_object(
      'usage', jsonb_build_object('prompt_tokens', p_output -> 'prompt_tokens', 'completion_tokens', p_output -> 'completion_tokens')));
  end if;
  return pipeline.finish_stage(v_lease, v_facts,
    pipeline.pageperfect_analysis(v_lease.job_id, v_lease.page_id,
      coalesce(v_lease.message -> 'payload', '{}'::jsonb) || v_facts));
end;
$$;

revoke execute on function public.commit_rewrite_draft(bigint, integer, jsonb) from public, anon, authenticated;
grant execute on function public.commit_rewrite_draft(bigint, integer, jsonb) to service_role;
