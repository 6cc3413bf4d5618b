-- Ends a site's job with the drafts that were staged; its result's costs have them in.
create or replace function public.commit_site_drafts(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_drafts', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  if jsonb_array_length(public.input_site_drafts(v_lease.job_id) -> 'edit_ids') > 0 then
    raise exception 'drafts of site job % are still wanted', v_lease.job_id using errcode = '55000';
  end if;
  delete from public.site_drafts as d where d.job_id = v_lease.job_id and not d.is_of_plan;
  perform pipeline.drop_unfinished(v_lease);
  return pipeline.finish_stage(v_lease, jsonb_build_object('drafts', pipeline.site_draft_counts(v_lease.job_id)),
    jsonb_set((pipeline.job('site', v_lease.job_id)).result, '{costs}', pipeline.site_costs(v_lease.job_id)));
end;
$$;

revoke execute on function public.commit_site_drafts(bigint, integer, jsonb) from public, anon, authenticated;
