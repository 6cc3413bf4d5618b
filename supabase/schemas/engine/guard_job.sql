-- What a job's row may become, whoever writes it: final states have one door out, replay, and a job that ends has a time.
create or replace function pipeline.guard_job()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  if new.status <> old.status then
    if old.status in ('completed', 'failed', 'cancelled') and coalesce(current_setting('pageperfect.replays', true), '') <> 'on' then
      raise exception 'job % is %, which only a replay changes', old.id, old.status
        using errcode = '55000', hint = 'select public.replay_dead_letter(…)';
    end if;
    if new.status = 'completed' then
      new.completed_at := coalesce(new.completed_at, pipeline.now());
      new.last_completed_at := coalesce(new.last_completed_at, new.completed_at);
    elsif new.status = 'cancelled' then
      new.cancelled_at := coalesce(new.cancelled_at, pipeline.now());
    elsif new.status = 'failed' then
      new.last_failed_at := coalesce(new.last_failed_at, pipeline.now());
    end if;
  end if;
  new.updated_at := now();
  return new;
end;
$$;

revoke execute on function pipeline.guard_job() from public, anon, authenticated;
