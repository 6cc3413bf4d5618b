-- Leave to call a model with about p_tokens tokens: 0, and the call is counted; else the seconds to wait before asking
-- again, and nothing is counted. A call above the size of a bucket is let through when the bucket is full. More than an
-- hour is the rest of a UTC day whose dollars are used up, the project's or those of the job's user (pipeline.owner_policies).
-- What calls under way may cost is counted like what was used; where only they are in the way, the next one waits for them.
create or replace function public.begin_model_call(p_provider text, p_model text, p_tokens double precision, p_job_id uuid default null)
returns double precision
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := pipeline.now();
  v_wait double precision;
  v_user_id uuid := (select j.user_id from pipeline.jobs as j where j.pipeline in ('pageperfect', 'site') and j.id = p_job_id);
  v_cost numeric := coalesce(pipeline.model_cost(p_provider, p_model, p_tokens::bigint, 0), 0);
begin
  if v_cost > 0 then
    v_wait := pipeline.wait_for_dollars(v_user_id, v_cost);
    if v_wait > 0 then
      return v_wait;
    end if;
  end if;
  perform 1 from public.model_limits as l where l.provider = p_provider and l.model = p_model order by l.unit for update;
  if not found then
    perform pipeline.note_model_call(p_provider, p_model, p_job_id, v_user_id, v_cost);
    return 0;
  end if;
  v_now := pipeline.now(); -- with the locks in hand: another call may have been counted meanwhile
  select max(greatest(
    extract(epoch from l.blocked_until - v_now),
    (least(case when l.unit in ('tokens', 'input_tokens') then p_tokens else 1 end, pipeline.bucket_size(l))
      - pipeline.bucket_level(l, v_now)) / pipeline.bucket_refill(l)))
  into v_wait
  from public.model_limits as l
  where l.provider = p_provider and l.model = p_model;
  if v_wait > 0 then
    return least(v_wait, 3600);
  end if;
  update public.model_limits as l
  set available = pipeline.bucket_level(l, v_now)
        - case l.unit when 'requests' then 1 when 'output_tokens' then 0 else p_tokens end,
      updated_at = v_now
  where l.provider = p_provider and l.model = p_model;
  perform pipeline.note_model_call(p_provider, p_model, p_job_id, v_user_id, v_cost);
  return 0;
end;
$$;

revoke execute on function public.begin_model_call(text, text, double precision, uuid) from public, anon, authenticated;
