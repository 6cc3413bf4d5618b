-- A dead letter written by hand need not repeat its pipeline's queue.
create or replace function pipeline.set_queue_name()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
  new.queue_name := coalesce(
    new.queue_name,
    (select p.queue from pipeline.pipelines as p where p.pipeline = new.pipeline)
  );
  return new;
end;
$$;

revoke execute on function pipeline.set_queue_name() from public, anon, authenticated;
