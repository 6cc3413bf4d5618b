\ir ../_shared/setup.sql
select plan(2);
insert into pgmq.q_pageperfect (vt, message)
select '2020-01-01', jsonb_build_object('job_id', gen_random_uuid(), 'stage', case when i % 10 = 0 then 'gap_analysis' else 'submit_crawl' end, 'rank', i % 3)
from generate_series(1, 100000) as i;
analyze pgmq.q_pageperfect;
create function tests.plan_of(p_query text) returns text language plpgsql as $$
declare v_line text; v_all text := '';
begin
  for v_line in execute 'explain (costs off) ' || p_query loop v_all := v_all || v_line || E'\n'; end loop;
  return v_all;
end;
$$;
select tests.plan_of($$
  select m.msg_id from pgmq.q_pageperfect as m where m.vt <= pipeline.now() and m.message ->> 'stage' = 'gap_analysis' and not m.message ? 'asleep'
  order by coalesce(m.message -> 'rank', '0'::jsonb), m.msg_id
  limit 1 for update skip locked$$) as plan \gset
select matches(:'plan'::text, 'q_pageperfect_rank_idx', 'the claim index is used');
select doesnt_match(:'plan'::text, 'Sort', 'and nothing is sorted');
select * from finish();
rollback;
