// The rules of supabase/: released migrations stay as they are, and every object file says what it makes.

import assert from "node:assert/strict";
import { root } from "../../local/paths.ts";
import { checkReleased, objectsProblem, readSchema } from "../../supabase/schema.ts";

Deno.test("no released migration was edited", async () => {
  const problems = await checkReleased(root);
  assert.deepEqual(problems, [], problems.join("\n"));
});

Deno.test("the migration of functions and views is that of the tree", async () => {
  assert.equal(await objectsProblem(root), undefined);
});

Deno.test("an edit of a released migration is told with its reason and what to do instead", async () => {
  const project = await Deno.makeTempDir();
  try {
    await new Deno.Command("cp", { args: ["-R", `${root}/supabase`, project] }).output();
    const file = `${project}/supabase/migrations/20251016110000_site_tables.sql`;
    await Deno.writeTextFile(file, "\n-- one more line\n", { append: true });
    await Deno.remove(`${project}/supabase/migrations/20251016113400_model_calls.sql`);
    const problems = await checkReleased(project);
    assert.equal(problems.length, 2);
    assert.match(
      problems[0],
      /^20251016110000_site_tables.sql was released and is edited: .*new migration/,
    );
    assert.match(problems[1], /^20251016113400_model_calls.sql was released and is gone/);
  } finally {
    await Deno.remove(project, { recursive: true });
  }
});

Deno.test("a function stands in one file, under its name, and is closed to everybody there", async () => {
  const seen = new Map<string, string>();
  for (const { kind, name, text, identities } of await readSchema(root)) {
    if (kind === "migration") {
      assert.doesNotMatch(
        text,
        /create or replace (function|view)/,
        `${name}: objects belong in supabase/schemas`,
      );
      continue;
    }
    const made = [...text.matchAll(/^create (?:or replace )?(function|view) (\w+\.(\w+))/gm)];
    if (!name.includes("/")) continue;
    assert.deepEqual(
      identities.map((identity) => identity.split("(")[0]),
      made.map(([, type, whole]) => `${type} ${whole}`),
      `${name}: every function is revoked from public, anon, authenticated by its full signature`,
    );
    if (name === "web/api.sql") {
      const handedOn = [
        ...text.matchAll(
          /^create or replace function public\.(\w+)[^$]*\$\$ select access\.(\w+)\(/gm,
        ),
      ];
      assert.deepEqual(
        handedOn.map(([, own, other]) => `${own} ${other}`),
        made.map(([, , , own]) => `${own} ${own}`),
        `${name}: each hands on to the function of its name in access`,
      );
    } else {
      assert.equal(made.length, 1, `${name} holds one function or view`);
      assert.equal(name.split("/").at(-1), `${made[0][3]}.sql`);
    }
    for (const [, , whole] of made) {
      assert.ok(!seen.has(whole), `${whole} stands in ${seen.get(whole)} and ${name}`);
      seen.set(whole, name);
    }
  }
});
