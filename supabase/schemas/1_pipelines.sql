-- Queues, partitions and the functions on them, whole again if a dump or a hand took parts of them away.
do $$
declare
  v record;
begin
  for v in select p.pipeline, p.queue from pipeline.pipelines as p order by p.pipeline loop
    perform pipeline.add_pipeline(v.pipeline, v.queue);
  end loop;
end;
$$;
