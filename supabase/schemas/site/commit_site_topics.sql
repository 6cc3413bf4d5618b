-- Ends the comparison of topics and the search for answers on other pages: {query_count, similar_count}.
create or replace function public.commit_site_topics(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  delete from pipeline.stage_checkpoints as c
  where c.pipeline = 'site' and c.job_id = v_lease.job_id and (c.stage like 'site_topics comparison%'
      or c.stage in ('site_topics candidates', 'site_topics similar facts'));
  return pipeline.finish_stage(v_lease, jsonb_build_object('query_count', p_output -> 'query_count', 'similar_count', p_output -> 'similar_count',
    'answer_count', (select count(*) from public.site_answers as a where a.job_id = v_lease.job_id)));
end;
$$;

revoke execute on function public.commit_site_topics(bigint, integer, jsonb) from public, anon, authenticated;
