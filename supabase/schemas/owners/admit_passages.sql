-- Leave to embed p_bytes of text that somebody writes for a job: {model, dimensions} of the job's page, null when a later job has
-- replaced it. For the service (no user), the job's own user, and operators (P0002 and 42501 for others); a user's bytes count into
-- their day (53400 when it has no room).
create or replace function public.admit_passages(p_job_id uuid, p_user_id uuid, p_bytes bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_owner_id uuid;
  v_role text := (select m.role from access.members as m where m.user_id = p_user_id);
begin
  select j.user_id into v_owner_id from pipeline.jobs as j where j.pipeline = 'pageperfect' and j.id = p_job_id;
  if not found or (p_user_id is not null and v_owner_id is distinct from p_user_id and v_role is null) then
    raise exception 'there is no job %', p_job_id using errcode = 'P0002';
  end if;
  if p_user_id is not null then
    if v_owner_id is distinct from p_user_id and v_role <> 'operator' then
      raise exception 'only operators of this project may do this' using errcode = '42501';
    end if;
    if exists (
      select from pipeline.owner_policies as p
      join pipeline.daily_usage as u on u.day = (pipeline.now() at time zone 'utc')::date and u.owner_id = p_user_id
      where p.role = 'user' and u.byte_count + p_bytes > p.daily_bytes
    ) then
      raise exception 'your pages, keywords and texts of today are as much as a day may have: go on tomorrow (UTC)'
        using errcode = '53400';
    end if;
    perform pipeline.count_usage(p_user_id, p_bytes => p_bytes);
  end if;
  return (
    select jsonb_build_object('model', e.model, 'dimensions', e.dimensions)
    from public.page_embeddings as e where e.job_id = p_job_id limit 1);
end;
$$;

revoke execute on function public.admit_passages(uuid, uuid, bigint) from public, anon, authenticated;
