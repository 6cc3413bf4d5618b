-- Drops what this version no longer has. A statement of its own, after the functions are deployed: until then workers of
-- the version before are at work. supabase/schema.ts puts the paths in.
do $pageperfect$
declare
  v_object record;
begin
  perform set_config('search_path', '', true);
  perform set_config('lock_timeout', '20s', true);
  -- A name of ours on which something of the project's own depends is left to it.
  for v_object in
    select o.identity from pipeline.objects as o
    where o.path not in (/* paths */)
    order by o.identity desc -- views before functions
  loop
    begin
      if v_object.identity not like 'file %' then
        execute 'drop ' || replace(replace(v_object.identity, 'view ', 'view if exists '), 'function ', 'function if exists ');
      end if;
    exception when dependent_objects_still_exist then
      raise warning 'pageperfect: % is of no use any more, and stays since something depends on it', v_object.identity;
    end;
    delete from pipeline.objects as o where o.identity = v_object.identity;
  end loop;
  perform pg_notify('pgrst', 'reload schema');
end;
$pageperfect$;
