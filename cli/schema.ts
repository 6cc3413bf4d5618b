// `schema`: writes the migration that holds the functions and views, for those who push without `deploy`.

import type { Command } from "npm:commander@15.1.0";
import { root } from "../local/paths.ts";
import {
  objectsMigration,
  objectsMigrationPath,
  releasedMigrations,
  unreleased,
} from "../supabase/schema.ts";
import { say } from "./say.ts";

export function registerSchema(program: Command) {
  program.command("schema")
    .description("write the migration of functions and views for `supabase db push`")
    .option("--check", "only say whether it is current")
    .option("--release", "hold the hashes of all migrations: from then on they are never edited")
    .action(async (options: { check?: boolean; release?: boolean }) => {
      const { path, outdated } = await objectsMigrationPath(root);
      const wanted = await objectsMigration(root);
      if (options.check) {
        if (outdated.length > 0 || await Deno.readTextFile(path).catch(() => "") !== wanted) {
          throw new Error("the migration of objects is not current: ./pageperfect schema");
        }
        return;
      }
      for (const file of outdated) await Deno.remove(file);
      await Deno.writeTextFile(path, wanted);
      say(`wrote ${path.slice(root.length + 1)}`);
      if (options.release) {
        const added = await unreleased(root);
        await Deno.writeTextFile(
          `${root}/supabase/released.sha256`,
          [
            ...await releasedMigrations(root),
            ...added,
          ].map(({ name, sha256 }) => `${sha256}  ${name}\n`).join(""),
        );
        say(`${added.length} migrations more are held by their hashes`);
      }
    });
}
