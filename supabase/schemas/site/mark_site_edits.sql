-- Marks the edits of earlier plans that were made: the page's text is another than it was then, and the plan of p_job_id has
-- no such edit any more. Returns how many.
create or replace function pipeline.mark_site_edits(p_job_id uuid)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  update public.site_edits as e set made_at = pipeline.now()
  from public.site_pages as was, public.site_pages as s, pipeline.jobs as before, pipeline.jobs as after
  where e.job_id <> p_job_id and e.made_at is null
    and was.job_id = e.job_id and was.page_id = e.page_id and s.job_id = p_job_id and s.page_id = e.page_id and s.status = 'done'
    and before.pipeline = 'pageperfect' and before.id = was.page_job_id and after.pipeline = 'pageperfect' and after.id = s.page_job_id
    and before.id <> after.id and before.result -> 'segments' is distinct from after.result -> 'segments'
    and pipeline.segment_texts(before.result) is distinct from pipeline.segment_texts(after.result)
    and not exists (
      select from public.site_edits as n
      where n.job_id = p_job_id and n.page_id = e.page_id and (n.kind, n.label, n.target_page_id) is not distinct from (e.kind, e.label, e.target_page_id));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;

revoke execute on function pipeline.mark_site_edits(uuid) from public, anon, authenticated;
