-- Adds to what an owner used today (UTC), and to the whole project's. The service's own count for the project only.
create or replace function pipeline.count_usage(
  p_user_id uuid, p_jobs integer default 0, p_bytes bigint default 0, p_usd numeric default 0
)
returns void
language sql
set search_path = ''
as $$
  insert into pipeline.daily_usage as u (day, owner_id, job_count, byte_count, cost_usd)
  select (pipeline.now() at time zone 'utc')::date, o.id, p_jobs, coalesce(p_bytes, 0), coalesce(p_usd, 0)
  from unnest(array[p_user_id, '00000000-0000-0000-0000-000000000000'::uuid]) as o (id)
  where o.id is not null
  order by o.id desc -- the row that all share last, and shortest
  on conflict (day, owner_id) do update
  set job_count = u.job_count + excluded.job_count, byte_count = u.byte_count + excluded.byte_count,
      cost_usd = u.cost_usd + excluded.cost_usd;
$$;

revoke execute on function pipeline.count_usage(uuid, integer, bigint, numeric) from public, anon, authenticated;
