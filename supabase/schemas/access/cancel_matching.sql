-- Cancels up to 500 of the matching jobs that are not finished; {cancelled_count, remaining_count}. Repeat while some remain.
create or replace function access.cancel_matching(p_filters jsonb, p_expected bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_cancelled integer;
begin
  perform access.require_operator();
  perform access.require_count((select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing')), p_expected);
  select count(*) filter (where (public.cancel_job(j.pipeline, j.id) ->> 'cancelled')::boolean) into v_cancelled
  from (select m.pipeline, m.id from access.matching_jobs(p_filters) as m
        where m.status in ('queued', 'processing') order by m.created_at, m.id limit 500) as j;
  return jsonb_build_object('cancelled_count', v_cancelled,
    'remaining_count', (select count(*) from access.matching_jobs(p_filters) as j where j.status in ('queued', 'processing')));
end;
$$;

revoke execute on function access.cancel_matching(jsonb, bigint) from public, anon, authenticated;
grant execute on function access.cancel_matching(jsonb, bigint) to authenticated, service_role;
