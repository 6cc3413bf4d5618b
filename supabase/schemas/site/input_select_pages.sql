-- What select_pages needs to begin its work: where the site's pages are named.
create or replace function public.input_select_pages(p_job_id uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return (pipeline.job('site', p_job_id)).payload -> 'site';
end;
$$;

revoke execute on function public.input_select_pages(uuid) from public, anon, authenticated;
