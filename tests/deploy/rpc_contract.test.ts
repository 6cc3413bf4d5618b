// The functions call the database by names that no compiler checks: each rpc in functions/ names a function that
// service_role may execute, arguments that it has, and all that it demands.

import assert from "node:assert/strict";
import { filesUnder, root } from "../../local/paths.ts";
import { startStack } from "../../local/stack.ts";

interface Call {
  at: string;
  /** `input_${stage.stage}` stands for one function a stage. */
  name: string;
  keys: string[];
  /** Whether it hands on an object whose keys are not in sight. */
  spreads: boolean;
}

/** The text from `start`, where a bracket opens, to where it closes. */
function balanced(text: string, start: number): string {
  let depth = 0;
  for (let i = start; i < text.length; i++) {
    if ("([{".includes(text[i])) depth++;
    if (")]}".includes(text[i]) && --depth === 0) return text.slice(start, i + 1);
  }
  throw new Error(`no closing bracket in ${text.slice(start, start + 80)}`);
}

/** `{ a: 1, b, ...c }` to its parts at the outermost level. */
function parts(literal: string): string[] {
  const found: string[] = [];
  let depth = 0, part = "";
  for (const char of literal.slice(1, -1)) {
    if ("([{".includes(char)) depth++;
    if (")]}".includes(char)) depth--;
    if (char === "," && depth === 0) {
      found.push(part);
      part = "";
    } else part += char;
  }
  return [...found, part].map((text) => text.replace(/\/\/.*$/gm, "").trim()).filter(Boolean);
}

function callsIn(file: string, text: string): Call[] {
  const calls: Call[] = [];
  for (const match of text.matchAll(/\brpc(?:<[^;=]*?>)?\(\s*(["`])([\w${}.]+)\1\s*,?\s*/g)) {
    const after = match.index + match[0].length;
    const given = text[after] === "{" ? parts(balanced(text, after)) : [];
    calls.push({
      at: `${file}: rpc("${match[2]}")`,
      name: match[2],
      keys: given.filter((part) => !part.startsWith("...")).map((part) => /^\w+/.exec(part)![0]),
      spreads: given.some((part) => part.startsWith("...")) || !["{", ")"].includes(text[after]),
    });
  }
  return calls;
}

Deno.test("every rpc of the functions is one that the database has, argument by argument", async () => {
  const calls: Call[] = [];
  for (const file of await filesUnder(`${root}/functions`, ".ts")) {
    if (file.includes("/wasm/")) continue;
    calls.push(...callsIn(file.slice(root.length + 1), await Deno.readTextFile(file)));
  }
  assert.ok(calls.length > 25, `only ${calls.length} calls were found`);

  await using stack = await startStack({ ticker: false });
  const rows = await stack.sql<
    { name: string; arguments: string[] | null; required: number; may: boolean }[]
  >`
    select p.proname as name, p.proargnames[1:p.pronargs] as arguments, p.pronargs - p.pronargdefaults as required,
      has_function_privilege('service_role', p.oid, 'execute') as may
    from pg_proc as p where p.pronamespace = 'public'::regnamespace`;
  const functions = new Map(rows.map((row) => [row.name, row]));
  const stages = await stack.sql`select stage, worker from pipeline.stage_config`;
  const workers = new Set(
    (await filesUnder(`${root}/functions`, "/index.ts")).map((file) => file.split("/").at(-2)),
  );

  const problems: string[] = [];
  for (const { at, name, keys, spreads } of calls) {
    const names = name.includes("${")
      ? stages.filter(({ worker }) => workers.has(worker) && worker.endsWith("-worker"))
        .map(({ stage }) => name.replace(/\$\{.*\}/, stage))
      : [name];
    for (const one of names) {
      const found = functions.get(one);
      if (!found) problems.push(`${at}: there is no function ${one}`);
      else if (!found.may) problems.push(`${at}: service_role may not execute ${one}`);
      else {
        const all = found.arguments ?? [];
        for (const key of keys) {
          if (!all.includes(key)) problems.push(`${at}: ${one} has no ${key}`);
        }
        for (const key of spreads ? [] : all.slice(0, found.required)) {
          if (!keys.includes(key)) problems.push(`${at}: ${one} needs ${key}`);
        }
      }
    }
  }
  assert.deepEqual(problems, [], problems.join("\n"));
});
