-- Ends the analysis of a site's pages. Without a single page that could be analysed the job fails.
create or replace function public.commit_analyse_pages(p_msg_id bigint, p_read_ct integer, p_output jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'analyse_pages', p_msg_id, p_read_ct);
  v_counts jsonb;
begin
  if v_lease.status <> 'held' then
    return pipeline.refusal(v_lease);
  end if;
  v_counts := pipeline.site_counts(v_lease.job_id);
  if (v_counts ->> 'open')::integer + (v_counts ->> 'waiting')::integer > 0 then
    raise exception 'pages of site job % are still open', v_lease.job_id using errcode = '55000';
  end if;
  if (v_counts ->> 'done')::integer + (v_counts ->> 'reused')::integer = 0 then
    raise exception 'no page of % could be analysed: %', v_counts ->> 'total', (
      select s.error ->> 'message' from public.site_pages as s where s.job_id = v_lease.job_id and s.error is not null order by s.position limit 1)
      using errcode = '22023';
  end if;
  return pipeline.finish_stage(v_lease, jsonb_build_object('pages', v_counts));
end;
$$;

revoke execute on function public.commit_analyse_pages(bigint, integer, jsonb) from public, anon, authenticated;
