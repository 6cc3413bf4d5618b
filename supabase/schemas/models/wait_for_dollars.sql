-- Seconds until a call of p_usd may be made: 0; the rest of the UTC day when a ceiling of the project or of the user is used
-- up; a few when calls under way may use it up. Who gets 0 holds the ceilings' locks until the end of the transaction, so that
-- two calls do not both count the same dollars as free.
create or replace function pipeline.wait_for_dollars(p_user_id uuid, p_usd numeric)
returns double precision
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_owner record;
begin
  for v_owner in
    select case p.role when 'project' then '00000000-0000-0000-0000-000000000000' else p_user_id end as id, p.daily_usd
    from pipeline.owner_policies as p
    where p.daily_usd is not null and (p.role = 'project' or (p.role = 'user' and p_user_id is not null))
    order by p.role desc -- one order of locks, the one that all share last
  loop
    perform pg_advisory_xact_lock(hashtextextended('usd:' || v_owner.id, 0));
    if p_usd + coalesce((select u.cost_usd from pipeline.daily_usage as u
        where u.day = (v_now at time zone 'utc')::date and u.owner_id = v_owner.id), 0) > v_owner.daily_usd then
      return greatest(3601,
        extract(epoch from date_trunc('day', v_now at time zone 'utc') + interval '1 day' - (v_now at time zone 'utc')));
    elsif p_usd + (
        select coalesce(sum(c.cost_usd), 0) + coalesce((select u.cost_usd from pipeline.daily_usage as u
          where u.day = (v_now at time zone 'utc')::date and u.owner_id = v_owner.id), 0)
        from pipeline.model_calls_under_way as c
        where c.expires_at > v_now and (v_owner.id = '00000000-0000-0000-0000-000000000000' or c.user_id = v_owner.id)) > v_owner.daily_usd then
      return 5;
    end if;
  end loop;
  return 0;
end;
$$;

revoke execute on function pipeline.wait_for_dollars(uuid, numeric) from public, anon, authenticated;
