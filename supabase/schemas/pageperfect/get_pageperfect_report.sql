-- The report of a job at any moment of its life.
create or replace function public.get_pageperfect_report(p_job_id uuid)
returns json
language sql
stable
security definer
set search_path = ''
as $$ select pipeline.pageperfect_report(p_job_id) $$;

revoke execute on function public.get_pageperfect_report(uuid) from public, anon, authenticated;
