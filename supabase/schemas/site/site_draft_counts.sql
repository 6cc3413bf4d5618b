-- What became of the drafts of a site's job: {wanted, written, answered, skipped, failed, reused}. A reader found the answered ones, which are
-- not among the wanted, and the reused ones are among the written and the answered. Null while there is no plan, and when none are wanted.
create or replace function pipeline.site_draft_counts(p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select case when count(*) > 0 then jsonb_build_object('wanted', count(*) filter (where d.status is distinct from 'answered'), 'written', count(*) filter (where d.status = 'written'),
    'answered', count(*) filter (where d.status = 'answered'), 'skipped', count(*) filter (where d.status = 'skipped'),
    'failed', count(*) filter (where d.status = 'failed'), 'reused', count(*) filter (where d.is_reused)) end
  from pipeline.site_drafts_wanted(p_job_id) as e
  left join public.site_drafts as d on d.job_id = p_job_id and d.edit_id = e.id and d.is_of_plan;
$$;

revoke execute on function pipeline.site_draft_counts(uuid) from public, anon, authenticated;
