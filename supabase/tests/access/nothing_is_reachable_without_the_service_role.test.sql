\ir ../_shared/setup.sql
select plan(7);
select is_empty($$select p.oid::regprocedure from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('public', 'pipeline') and (has_function_privilege('anon', p.oid, 'execute') or has_function_privilege('authenticated', p.oid, 'execute'))
    and not (n.nspname = 'public' and not has_function_privilege('anon', p.oid, 'execute') and not p.prosecdef
      and exists (select from pg_proc as c where c.pronamespace = 'access'::regnamespace and c.proname = p.proname))
    and not exists (select 1 from pg_depend as d where d.objid = p.oid and d.deptype = 'e')$$,
  'no function for anon, and for authenticated only those that hand on to one in access, which checks the caller');
select is_empty($$select p.oid::regprocedure from pg_proc as p where p.pronamespace = 'access'::regnamespace
  and (has_function_privilege('anon', p.oid, 'execute') or not coalesce(p.proconfig, '{}') @> array['search_path=""'])$$,
  'and none in access for anon');
select is_empty($$select c.oid::regclass from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('public', 'pipeline') and c.relkind in ('r', 'p', 'v', 'm') and has_table_privilege('anon', c.oid, 'select, insert, update, delete')$$, 'no table for anon');
select is_empty($$select c.oid::regclass from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('public', 'pipeline') and c.relkind in ('r', 'p', 'v', 'm') and has_table_privilege('authenticated', c.oid, 'insert, update, delete')$$, 'authenticated writes nothing');
select is_empty($$select c.oid::regclass from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where n.nspname in ('public', 'pipeline') and c.relkind in ('r', 'p') and not c.relrowsecurity$$, 'row level security is on everywhere');
select is_empty($$select p.oid::regprocedure from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname in ('public', 'pipeline') and not exists (select 1 from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
    and not coalesce(p.proconfig, '{}') @> array['search_path=""']$$, 'every function fixes its search_path');
select is_empty($$select p.oid::regprocedure from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
  where n.nspname = 'public' and p.prorettype <> 'trigger'::regtype and not has_function_privilege('service_role', p.oid, 'execute')
    and not exists (select 1 from pg_depend as d where d.objid = p.oid and d.deptype = 'e')$$, 'every public function is the service''s');
select * from finish();
rollback;
