-- Keeps what was made of pages, for the leased stage: p_pages is an array of {page_id} with summary or sketches (base64), or links.
-- Repeating it changes nothing. Returns {status}.
create or replace function public.stage_site_pages(p_stage text, p_msg_id bigint, p_read_ct integer, p_pages jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_lease pipeline.lease := pipeline.lock_commit('site', p_stage, p_msg_id, p_read_ct);
begin
  if v_lease.status = 'held' then
    update public.site_pages as s
    set summary = coalesce(decode(g.summary, 'base64'), s.summary), sketches = coalesce(decode(g.sketches, 'base64'), s.sketches),
      links = coalesce(g.links, s.links)
    from jsonb_to_recordset(p_pages) as g (page_id uuid, summary text, sketches text, links jsonb)
    where s.job_id = v_lease.job_id and s.page_id = g.page_id;
  end if;
  return jsonb_build_object('status', v_lease.status);
end;
$$;

revoke execute on function public.stage_site_pages(text, bigint, integer, jsonb) from public, anon, authenticated;
