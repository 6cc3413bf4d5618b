// A project as it was before PagePerfect came: the embedded Postgres shaped like Supabase's, and nothing of ours in it.

import { startStack } from "../../local/stack.ts";
import { root } from "../../local/paths.ts";
import {
  applyStatement,
  readSchema,
  removeStatement,
  tidyStatement,
} from "../../supabase/schema.ts";

export async function startProject() {
  const projectDir = await Deno.makeTempDir({ prefix: "pageperfect-project-" });
  await Deno.mkdir(`${projectDir}/functions`);
  await Deno.mkdir(`${projectDir}/supabase/migrations`, { recursive: true });
  const stack = await startStack({ projectDir, ticker: false });
  return {
    sql: stack.sql,
    stack,
    /** What `deploy` does to the database. */
    install: async () => {
      const files = await readSchema(root);
      await stack.sql.unsafe(await applyStatement(files)).simple();
      await stack.sql.unsafe(await tidyStatement(files)).simple();
    },
    remove: async () => {
      await stack.sql.unsafe(await removeStatement(root)).simple();
    },
    async [Symbol.asyncDispose]() {
      await stack.stop();
      await Deno.remove(projectDir, { recursive: true });
    },
  };
}
