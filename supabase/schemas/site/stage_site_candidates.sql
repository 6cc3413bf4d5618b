-- Notes where answers are to be looked for, for the leased site_topics: p_candidates is an array of {page_id, queries: [{page_id, query}]}.
-- Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_candidates(p_msg_id bigint, p_read_ct integer, p_candidates jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into public.site_answers (job_id, page_id, query, other_page_id)
    select v_lease.job_id, q.page_id, q.query, c.page_id
    from jsonb_to_recordset(p_candidates) as c (page_id uuid, queries jsonb)
    cross join lateral jsonb_to_recordset(c.queries) as q (page_id uuid, query text)
    on conflict (job_id, page_id, query, other_page_id) do nothing;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_candidates(bigint, integer, jsonb) from public, anon, authenticated;
