-- Keeps what a page answers of other pages' queries, for the leased site_topics; repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_answers(p_msg_id bigint, p_read_ct integer, p_answers jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', 'site_topics', p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    insert into public.site_answers as s (job_id, page_id, query, other_page_id, coverage, segment_id)
    select v_lease.job_id, a.page_id, a.query, a.other_page_id, a.coverage, a.segment_id
    from jsonb_to_recordset(p_answers) as a (page_id uuid, query text, other_page_id uuid, coverage double precision, segment_id bigint)
    on conflict (job_id, page_id, query, other_page_id) do update set coverage = excluded.coverage, segment_id = excluded.segment_id;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_answers(bigint, integer, jsonb) from public, anon, authenticated;
