// Who may do what, as Postgres itself answers: the effective privileges of the API's roles on every object of the
// exposed and the engine's schemas, under both of Supabase's regimes of default privileges.

import assert from "node:assert/strict";
import type { Sql } from "npm:postgres@3.4.9";
import wrapAnsi from "npm:wrap-ansi@10.0.2";
import { startStack } from "../../local/stack.ts";
import { showTable } from "../tables.ts";

interface Privilege {
  kind: "table" | "view" | "sequence" | "function";
  object: string;
  role: "anon" | "authenticated" | "service_role";
  /** E.g. "select insert"; "update(…)" where it holds for some columns only; "" for none. */
  rights: string;
}

/** What each role can really do: its own grants, those to public, and usage of the schema together. */
async function effectivePrivileges(sql: Sql): Promise<Privilege[]> {
  return await sql<Privilege[]>`
    with objects as (
      select c.oid, n.nspname, c.oid::regclass::text as object,
        case when c.relkind = 'S' then 'sequence' when c.relkind in ('v', 'm') then 'view' else 'table' end as kind
      from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
      union all
      select p.oid, n.nspname, p.oid::regprocedure::text, 'function'
      from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where p.prorettype <> 'trigger'::regtype
    ),
    roles (role) as (values ('anon'), ('authenticated'), ('service_role')),
    rights as (
      select o.kind, o.object, r.role, w.right, w.position,
        has_schema_privilege(r.role, o.nspname, 'usage') as is_usable,
        case
          when o.kind = 'function' then has_function_privilege(r.role, o.oid, w.right)
          when o.kind = 'sequence' then has_sequence_privilege(r.role, o.oid, w.right)
          else has_table_privilege(r.role, o.oid, w.right)
        end as holds,
        case when o.kind in ('table', 'view') and w.right in ('select', 'insert', 'update')
          then has_any_column_privilege(r.role, o.oid, w.right) else false end as holds_for_some
      from objects as o
      cross join roles as r
      join (values
        (1, 'table', 'select'), (2, 'table', 'insert'), (3, 'table', 'update'), (4, 'table', 'delete'), (5, 'table', 'truncate'),
        (1, 'view', 'select'), (2, 'view', 'insert'), (3, 'view', 'update'), (4, 'view', 'delete'),
        (1, 'sequence', 'usage'), (2, 'sequence', 'select'), (3, 'sequence', 'update'),
        (1, 'function', 'execute')
      ) as w (position, kind, "right") on w.kind = o.kind
      where o.nspname in ('public', 'pipeline', 'pgmq', 'cron', 'vault')
    )
    select kind, object, role,
      coalesce(string_agg("right" || case when holds then '' else '(…)' end, ' ' order by position)
        filter (where is_usable and (holds or holds_for_some)), '') as rights
    from rights
    group by kind, object, role
    order by kind, object, role`;
}

/** What each role reaches, by kind of object and by what it may do with it. */
function lines(privileges: Privilege[]): string[] {
  const all = Map.groupBy(privileges, ({ role, kind }) => `${role.padEnd(15)}${kind}`);
  return [...all].sort(([left], [right]) => left < right ? -1 : 1).flatMap(([heading, objects]) => {
    const reached = objects.filter(({ rights }) => rights !== "");
    const byRights = Map.groupBy(reached, ({ rights }) => rights);
    return [
      `${heading.padEnd(26)}${String(reached.length).padStart(4)} of ${objects.length}`,
      ...[...byRights].flatMap(([rights, some]) =>
        wrapAnsi(
          `${rights}: ${some.map(({ object }) => object.replace(/\(.*$/, "")).join(", ")}`,
          110,
        ).split("\n").map((line) => `    ${line}`)
      ),
    ];
  });
}

Deno.test("anon reaches nothing, a user only reads their jobs' and pages' rows, the service reaches the API", async () => {
  const regimes: Privilege[][] = [];
  for (const autoExpose of [false, true]) {
    await using stack = await startStack({ ticker: false, autoExpose });
    regimes.push(await effectivePrivileges(stack.sql));
  }
  const [privileges, onOlderProjects] = regimes;
  showTable(
    "What the API's roles reach in the schemas public, pipeline, pgmq, cron and vault",
    lines(privileges),
  );
  assert.deepEqual(
    onOlderProjects,
    privileges,
    "the migrations must not lean on default privileges",
  );

  const of = (wanted: string) =>
    privileges.filter(({ role, rights }) => role === wanted && rights !== "")
      .map(({ kind, object, rights }) => `${kind} ${object}: ${rights}`);
  assert.deepEqual(of("anon"), []);
  // The web app's functions hand on to those of the same name in access, which check for a member or an operator.
  const web = await Deno.readTextFile(
    new URL("../../supabase/schemas/web/api.sql", import.meta.url),
  );
  const functions = of("authenticated").filter((line) => line.startsWith("function "));
  assert.deepEqual(
    functions.map((line) => /^function (\w+)\(/.exec(line)![1]).sort(),
    [...web.matchAll(/^create or replace function public\.(\w+)/gm)].map(([, name]) => name).sort(),
  );
  assert.deepEqual(of("authenticated").filter((line) => !line.startsWith("function ")), [
    "table crawl_jobs: select(…)",
    "table gsc_page_query: select",
    "table keyword_clusters: select",
    "table page_embeddings: select",
    "table pageperfect_dead_letters: select",
    "table pageperfect_job_events: select",
    "table pageperfect_job_stages: select",
    "table pageperfect_jobs: select",
    "table pages: select",
    "table rewrite_drafts: select",
    "table rewrite_recommendations: select",
    "table site_drafts: select",
    "table site_edits: select",
    "table site_job_events: select",
    "table site_job_stages: select",
    "table site_jobs: select",
    "table site_pages: select(…)",
    "view v_pageperfect_job_status: select",
  ]);

  // The service reaches the engine's tables through functions alone, but for an operator's knobs.
  const engine = of("service_role").filter((line) => /^\w+ pipeline\./.test(line));
  assert.deepEqual(engine.filter((line) => !/^(table|view) .*: select$/.test(line)), [
    "function pipeline.now(): execute",
    "sequence pipeline.dead_letter_id_seq: usage",
    "sequence pipeline.job_event_id_seq: usage",
    "table pipeline.owner_policies: select update",
    "table pipeline.stage_config: select update(…)",
  ]);
  assert.deepEqual(of("service_role").filter((line) => /^\w+ (pgmq|cron)\./.test(line)), []);
});

Deno.test("a user's policies name them: every table they may read shows only their rows", async () => {
  await using stack = await startStack({ ticker: false });
  const policies = await stack.sql`
    select c.relname, p.polcmd, p.polroles::regrole[]::text as roles, pg_get_expr(p.polqual, p.polrelid) as condition
    from pg_policy as p join pg_class as c on c.oid = p.polrelid order by 1`;
  assert.equal(policies.length, 17);
  for (const { relname, polcmd, roles, condition } of policies) {
    assert.equal(polcmd, "r", `${relname}: reading only`);
    assert.equal(roles, "{authenticated}", relname);
    assert.match(condition, /\( ?SELECT access\.is_member\(\)/, `${relname}: members read all`);
    if (relname === "pageperfect_dead_letters") continue; // theirs alone
    assert.match(condition, /(user|owner)_id = \( ?SELECT auth\.uid\(\)/, relname);
  }
  const [{ count }] = await stack.sql`
    select count(*)::integer from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('public', 'pipeline') and c.relkind in ('r', 'p') and not c.relrowsecurity`;
  assert.equal(count, 0, "row level security is on everywhere");
});
