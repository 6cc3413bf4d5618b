// `deploy`: brings a Supabase project to this checkout, with the real Supabase CLI. Every step may be repeated.

import type { Command } from "npm:commander@15.1.0";
import { root } from "../../local/paths.ts";
import { applyStatement, readSchema, tidyStatement } from "../../supabase/schema.ts";
import { ensureBuilt } from "../build.ts";
import { say } from "../say.ts";
import { checkFunctions } from "./functions.ts";
import { type DeployOptions, describe, makePlan } from "./plan.ts";
import { cli, type Database, databaseOf } from "./project.ts";

/** Brings the database to this checkout. Under load a lock may be somebody else's turn: then it is tried again. */
async function migrateDatabase(database: Database): Promise<void> {
  const statement = await applyStatement(await readSchema(root));
  for (let attempt = 1;; attempt++) {
    try {
      return await database.run("bringing the database to this version", statement);
    } catch (error) {
      if (attempt === 5 || !/deadlock detected|lock timeout/.test((error as Error).message)) {
        throw error;
      }
      say("database: busy, trying again");
    }
  }
}

const list = (problems: string[]) => problems.map((problem) => `  - ${problem}`).join("\n");

async function deploy(options: DeployOptions): Promise<void> {
  const { plan, secrets, scheduleKey } = await makePlan(options);

  if (options.dryRun) {
    if (options.json) console.log(JSON.stringify(plan, null, 2));
    else console.log(describe(plan, options));
    if (plan.problems.length > 0) {
      throw new Error(`nothing was changed; before it can run:\n${list(plan.problems)}`);
    }
    if (!options.json) console.log("\nNothing was changed. Run it without --dry-run to deploy.");
    return;
  }
  if (plan.problems.length > 0) {
    throw new Error(`nothing was changed; put this right first:\n${list(plan.problems)}`);
  }
  if (!options.yes) {
    if (!Deno.stdin.isTerminal()) {
      throw new Error("nothing was changed: without a terminal, pass --yes (and see --dry-run)");
    }
    console.error(describe(plan, options));
    if (prompt("\nDeploy? Type yes:") !== "yes") throw new Error("nothing was changed");
  }

  const hidden = [...Object.values(secrets), scheduleKey, options.dbUrl ?? ""];
  const project = `--remote=${plan.projectRef}`;
  const database = databaseOf(options, hidden);
  const supabase = cli(options, hidden);

  // The first call changes nothing: it finds a wrong token or project before anything is half done.
  await supabase(
    "signing in",
    ["secrets", "list", project],
    "set SUPABASE_ACCESS_TOKEN (https://supabase.com/dashboard/account/tokens) to a token that may write this project",
  );
  if (!options.skipBuild) await ensureBuilt(say, "release");
  const { problems } = await checkFunctions();
  if (problems.length > 0) throw new Error(`nothing was changed:\n${list(problems)}`);

  say(`database: ${plan.database!.migrations.length} migrations, all functions`);
  await migrateDatabase(database);

  const folder = await Deno.makeTempDir({ prefix: "pageperfect-" });
  try {
    if (plan.secrets.length > 0) {
      say(`secrets: ${plan.secrets.join(", ")}`);
      const file = `${folder}/secrets.env`;
      const lines = Object.entries(secrets).map(([name, value]) => `${name}='${value}'\n`);
      await Deno.writeTextFile(file, lines.join(""), { mode: 0o600 });
      await supabase(
        "secrets set",
        ["secrets", "set", "--env-file", file, project],
        "see the message",
      );
    }

    say(`functions: ${plan.functions.length}`);
    await supabase(
      "functions deploy",
      ["functions", "deploy", "--use-api", project],
      "see the message",
    );

    await database.run(
      "dropping what this version no longer has",
      await tidyStatement(await readSchema(root)),
    );

    say("schedules");
    const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
    await database.run(
      "storing the schedules' secrets",
      `select pipeline.set_schedule_secrets(${quote(plan.projectUrl!)}, ${quote(scheduleKey)})`,
      "enable the extensions pg_cron, pg_net and supabase_vault (Dashboard, Database)",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await database.run("making the schedules", "select * from pipeline.install_schedules()");
  const checks = await database.read<{ item: string; is_ready: boolean; advice: string | null }>(
    "checking the schedules",
    "select * from pipeline.check_schedules()",
  );
  const missing = checks.filter((check) => !check.is_ready);
  if (options.json) {
    const deployed = plan.functions.map(({ slug }) => slug);
    console.log(
      JSON.stringify(
        { ok: missing.length === 0, projectUrl: plan.projectUrl, deployed, checks },
        null,
        2,
      ),
    );
  } else {
    for (const { item, is_ready } of checks) {
      console.log(`${is_ready ? "ok      " : "missing "} ${item}`);
    }
    if (missing.length === 0) {
      console.log(
        `\ndeployed; start a job: POST ${plan.projectUrl}/functions/v1/pageperfect-workflow`,
      );
    }
  }
  if (missing.length > 0) {
    const todo = missing.map(({ item, advice }) => `${item}: ${advice}`);
    throw new Error(
      `functions and database are deployed, but nothing rings them yet:\n${list(todo)}`,
    );
  }
}

export function registerDeploy(program: Command) {
  program.command("deploy")
    .description(
      "bring a Supabase project to this checkout: database, secrets, functions, schedules",
    )
    .option(
      "--project-ref <ref>",
      "the 20 letters in https://<ref>.supabase.co",
      Deno.env.get("SUPABASE_PROJECT_REF"),
    )
    .option("--dry-run", "only print what would be done; exit 1 when something is missing")
    .option(
      "--env-file <file>",
      "the functions' secrets and PAGEPERFECT_SECRET_KEY",
      `${root}/.env`,
    )
    .option("--skip-build", "take the wasm modules as they are, if they are current")
    .option(
      "--db-url <url>",
      "reach the database by this URL, such as the session pooler's where there is no IPv6; PGPASSWORD may hold the password",
    )
    .option("--profile <file>", "the Supabase CLI's profile, for another Management API")
    .option("--json", "print JSON")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nNeeds SUPABASE_ACCESS_TOKEN or a `supabase login`. Safe to repeat: upgrades are the same command.",
    )
    .action(deploy);
}
