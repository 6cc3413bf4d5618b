-- The analysed pages of a site's job after position p_after with their p_part ('summary' or 'sketches'): an array of {position, page_id,
-- part}, the part base64, null where it was not made; at most p_limit of them.
create or replace function public.site_page_parts(p_job_id uuid, p_part text, p_after integer, p_limit integer)
returns jsonb
language sql
stable
security definer
set search_path = ''
as $$
  select coalesce(jsonb_agg(jsonb_build_object('position', s.position, 'page_id', s.page_id, 'has_sketches', s.sketches is not null,
      'part', replace(encode(case p_part when 'summary' then s.summary when 'sketches' then s.sketches end, 'base64'), E'\n', ''))
      order by s.position), '[]'::jsonb)
  from (
    select * from public.site_pages as s
    where s.job_id = p_job_id and s.status in ('done', 'reused') and s.position > p_after
    order by s.position limit p_limit) as s;
$$;

revoke execute on function public.site_page_parts(uuid, text, integer, integer) from public, anon, authenticated;
