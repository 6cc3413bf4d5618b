-- Completions, retries and dead letters by hour and stage over the last days: what the charts show.
create or replace function access.get_throughput(p_hours integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(to_jsonb(t) order by t.hour), '[]'::jsonb) from (
    select date_trunc('hour', e.created_at) as hour,
      count(*) filter (where e.status = 'completed' and e.stage is not null) as completed_count,
      count(*) filter (where e.status = 'retry_scheduled') as retry_count,
      count(*) filter (where e.status = 'dead_lettered') as dead_letter_count
    from public.pageperfect_job_events as e
    where e.created_at > now() - make_interval(hours => least(greatest(coalesce(p_hours, 48), 1), 24 * 14))
    group by 1) as t);
end;
$$;

revoke execute on function access.get_throughput(integer) from public, anon, authenticated;
grant execute on function access.get_throughput(integer) to authenticated, service_role;
