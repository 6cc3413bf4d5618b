// `schema`: writes what is derived from supabase/: the migration that holds the functions and views, for those who push without
// `deploy`, and the TypeScript types of the database.

import type { Command } from "npm:commander@15.1.0";
import { root } from "../local/paths.ts";
import {
  objectsMigration,
  objectsMigrationPath,
  objectsProblem,
  releasedMigrations,
  unreleased,
} from "../supabase/schema.ts";
import { say } from "./say.ts";
import { databaseTypes, databaseTypesPath } from "./database_types.ts";

export function registerSchema(program: Command) {
  program.command("schema")
    .description(
      "write the migration of functions and views, and the functions' types of the database",
    )
    .option("--check", "only say whether they are current")
    .option("--release", "hold the hashes of all migrations: from then on they are never edited")
    .action(async (options: { check?: boolean; release?: boolean }) => {
      const { path, outdated } = await objectsMigrationPath(root);
      const wanted = await objectsMigration(root);
      if (options.check) {
        const problem = await objectsProblem(root);
        if (problem) throw new Error(problem);
        if (await Deno.readTextFile(databaseTypesPath) !== await databaseTypes()) {
          throw new Error("the types of the database are not current: ./pageperfect schema");
        }
        return;
      }
      for (const file of outdated) await Deno.remove(file);
      await Deno.writeTextFile(path, wanted);
      say(`wrote ${path.slice(root.length + 1)}`);
      await Deno.writeTextFile(databaseTypesPath, await databaseTypes());
      say(`wrote ${databaseTypesPath.slice(root.length + 1)}`);
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
