// Supabase's own database linter over the migrated database. Its one SQL file is not ours to ship: SPLINTER_SQL names
// it, or it lies in the cache as splinter.sql.

import assert from "node:assert/strict";
import type { Sql } from "npm:postgres@3.4.9";
import { cacheDir } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";
import { showTable } from "../tables.ts";

interface Finding {
  name: string;
  level: "ERROR" | "WARN" | "INFO";
  detail: string;
}

const path = Deno.env.get("SPLINTER_SQL") || `${cacheDir}/splinter.sql`;
const lint = await Deno.readTextFile(path).catch(() => undefined);
if (lint === undefined) {
  showTable("splinter is not run", [
    `There is no ${path}. Save splinter.sql of github.com/supabase/splinter there, or name the file in SPLINTER_SQL.`,
  ]);
}

/** The findings that matter, in a transaction that is rolled back; `before` runs first. */
async function findings(sql: Sql, before = ""): Promise<Finding[]> {
  const found: Finding[] = [];
  await sql.begin(async (transaction) => {
    // Without it the linter takes no schema for exposed, and passes.
    await transaction`select set_config('pgrst.db_schemas', 'public, graphql_public', true)`;
    if (before) await transaction.unsafe(before);
    const answers = await transaction.unsafe(lint!.trim().replace(/;$/, "")).simple();
    found.push(...(answers as unknown as (Finding | Finding[])[]).flat());
    throw new Rollback();
  }).catch((error) => {
    if (!(error instanceof Rollback)) throw error;
  });
  return found.filter(({ level }) => level === "ERROR" || level === "WARN");
}

class Rollback extends Error {}

for (const autoExpose of [false, true]) {
  Deno.test({
    name: `splinter finds no error and no warning${
      autoExpose ? " under the grants of older projects" : ""
    }`,
    ignore: lint === undefined,
    fn: async () => {
      await using stack = await startStack({ ticker: false, autoExpose });
      const found = await findings(stack.sql);
      const count = (wanted: string) => found.filter(({ level }) => level === wanted).length;
      showTable(`splinter${autoExpose ? " under the grants of older projects" : ""}`, [
        `${count("ERROR")} ERROR, ${count("WARN")} WARN`,
      ]);
      assert.deepEqual(found, []);

      const bad = await findings(
        stack.sql,
        "create table public.bare (id integer); grant select on public.bare to anon",
      );
      assert.deepEqual(
        bad.map(({ name }) => name),
        ["rls_disabled_in_public"],
        "the linter does look",
      );
    },
  });
}
