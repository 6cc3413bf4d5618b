-- How many of a stage's messages are visible, counted no further than p_limit: the dispatcher never needs more.
create or replace function pipeline.ready_count(p_queue text, p_stage text, p_limit integer)
returns integer
language plpgsql
stable
set search_path = ''
as $$
declare
  v_count integer;
begin
  execute format(
    'select count(*) from (
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.vt <= $2 and not q.message ? ''asleep'' limit $3)
       union all
       (select 1 from pgmq.%1$I as q
        where q.message ->> ''stage'' = $1 and q.message ? ''asleep''
          and q.message -> ''asleep'' <= to_jsonb(pipeline.wake_time($2)) limit $3)
       limit $3) as ready', 'q_' || p_queue) into v_count using p_stage, pipeline.now(), p_limit;
  return v_count;
end;
$$;

revoke execute on function pipeline.ready_count(text, text, integer) from public, anon, authenticated;
