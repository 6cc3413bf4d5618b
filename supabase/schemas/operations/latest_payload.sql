-- What the last finished stage handed on.
create or replace function pipeline.latest_payload(p_pipeline text, p_job_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
  select p.data
  from pipeline.payloads as p
  join pipeline.job_stages as s on s.pipeline = p.pipeline and s.job_id = p.job_id and s.stage = p.stage
  where p.pipeline = p_pipeline and p.job_id = p_job_id and s.status = 'completed'
  order by s.finished_at desc
  limit 1;
$$;

revoke execute on function pipeline.latest_payload(text, uuid) from public, anon, authenticated;
