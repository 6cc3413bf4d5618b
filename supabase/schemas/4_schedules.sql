-- Makes the schedules, as far as the project has what they need; deploy shows what is missing.
do $$
declare
  v record;
begin
  for v in select * from pipeline.install_schedules() as s where not s.is_ready loop
    raise warning 'pageperfect: % is missing: %', v.item, v.advice;
  end loop;
end;
$$;
