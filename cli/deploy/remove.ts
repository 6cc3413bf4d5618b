// `remove`: takes everything of PagePerfect out of a Supabase project.

import type { Command } from "npm:commander@15.1.0";
import { removeStatement } from "../../supabase/schema.ts";
import { root } from "../../local/paths.ts";
import { say } from "../say.ts";
import { checkFunctions } from "./functions.ts";
import { cli, databaseOf, isProjectRef, type ProjectOptions } from "./project.ts";
import { settingNames } from "./secrets.ts";

interface RemoveOptions extends ProjectOptions {
  yes?: boolean;
}

async function remove(options: RemoveOptions): Promise<void> {
  const { projectRef } = options;
  if (!isProjectRef(projectRef)) {
    throw new Error(
      "nothing was changed: --project-ref is the 20 letters in https://<ref>.supabase.co",
    );
  }
  if (!options.yes) {
    if (!Deno.stdin.isTerminal()) {
      throw new Error("nothing was changed: without a terminal, pass --yes");
    }
    console.error(
      `This deletes PagePerfect from ${projectRef}: functions, schedules, secrets, and its tables with all jobs,\n` +
        "pages, keywords and drafts. Tables that the project had before stay, without the columns it added.",
    );
    if (prompt(`\nType ${projectRef} to go on:`) !== projectRef) {
      throw new Error("nothing was changed");
    }
  }
  const project = `--remote=${projectRef}`;
  const supabase = cli(options, [options.dbUrl ?? ""]);
  const { functions } = await checkFunctions();
  // The functions first: nothing may claim work while the tables go.
  const deployed = await supabase("listing the functions", [
    ...["functions", "list", "--agent", "no", "--output-format", "json", project],
  ], "set SUPABASE_ACCESS_TOKEN to a token that may write this project");
  for (const { slug } of functions) {
    if (!deployed.includes(`"${slug}"`)) continue;
    say(`function ${slug}`);
    await supabase(`deleting ${slug}`, ["functions", "delete", slug, project], "see the message");
  }
  const names = [...settingNames()].filter((name) => !name.startsWith("SUPABASE_"));
  const set = await supabase("listing the secrets", [
    ...["secrets", "list", "--agent", "no", "--output-format", "json", project],
  ], "see the message");
  const ours = names.filter((name) => set.includes(`"${name}"`));
  if (ours.length > 0) {
    say(`secrets: ${ours.join(", ")}`);
    await supabase("secrets unset", ["secrets", "unset", ...ours, project], "see the message");
  }
  say("database");
  await databaseOf(options).run(
    "removing it from the database",
    await removeStatement(root),
  );
  console.log("removed");
}

export function registerRemove(program: Command) {
  program.command("remove")
    .description(
      "take PagePerfect out of a Supabase project: functions, schedules, secrets, tables",
    )
    .option(
      "--project-ref <ref>",
      "the 20 letters in https://<ref>.supabase.co",
      Deno.env.get("SUPABASE_PROJECT_REF"),
    )
    .option("--db-url <url>", "reach the database by this URL")
    .option("--profile <file>", "the Supabase CLI's profile, for another Management API")
    .option("--yes", "do not ask")
    .action(remove);
}
