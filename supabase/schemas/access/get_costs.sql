-- Dollars and tokens by day, page and model over the last days.
create or replace function access.get_costs(p_days integer)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform access.require_member();
  return (select coalesce(jsonb_agg(to_jsonb(c) order by c.day desc, c.cost_usd desc nulls last), '[]'::jsonb)
    from public.v_pageperfect_costs as c
    where c.day > current_date - least(greatest(coalesce(p_days, 30), 1), 366));
end;
$$;

revoke execute on function access.get_costs(integer) from public, anon, authenticated;
grant execute on function access.get_costs(integer) to authenticated, service_role;
