// `deploy`: brings a Supabase project to this checkout, with the real Supabase CLI. Every step may be repeated.

import type { Command } from "npm:commander@15.1.0";
import { parse as parseToml } from "npm:smol-toml@1.9.1";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { EnvError, type Need, readEnv } from "../functions/_shared/platform/env.ts";
import { exists, filesUnder, root, tool } from "../local/paths.ts";
import { ensureBuilt } from "./build.ts";

/** Supabase bundles at most 5 MB on its side; what it adds to the sources must fit as well. */
export const maxSourceBytes = 4_000_000;

/** The key that the schedules call the functions with; goes to Vault, never to the functions. */
const scheduleKeyName = "PAGEPERFECT_SECRET_KEY";

export interface FunctionSource {
  slug: string;
  entrypoint: string;
  verifyJwt: boolean;
  /** Every module the function imports, itself included, relative to the repository. */
  modules: string[];
  /** Their bytes together. */
  bytes: number;
}

export interface DeployOptions {
  projectRef?: string;
  dryRun?: boolean;
  envFile: string;
  skipBuild?: boolean;
  json?: boolean;
  yes?: boolean;
  dbUrl?: string;
  profile?: string;
  adoptTables?: boolean;
}

export interface Plan {
  projectRef: string | null;
  projectUrl: string | null;
  build: string;
  migrations: string[];
  /** Names only. */
  secrets: string[];
  /** Names in the env file that no function reads. */
  ignored: string[];
  functions: FunctionSource[];
  /** What must be put right first, each with how. */
  problems: string[];
}

async function run(
  command: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: root,
    env: { DO_NOT_TRACK: "1", SUPABASE_TELEMETRY_DISABLED: "1", NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

interface GraphModule {
  specifier: string;
  size?: number;
  error?: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

/** The repository's modules that `entrypoint` (relative to the repository) imports, itself included. */
export async function localModules(
  entrypoint: string,
): Promise<{ modules: string[]; bytes: number; missing: string[] }> {
  const { stdout } = await run(Deno.execPath(), ["info", "--json", "--no-lock", entrypoint]);
  const graph = JSON.parse(stdout) as { roots: string[]; modules: GraphModule[] };
  const byName = new Map(graph.modules.map((module) => [module.specifier, module]));
  const seen = new Set<string>();
  const pending = [...graph.roots];
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (!name.startsWith("file:") || seen.has(name)) continue;
    seen.add(name);
    for (const { code, type } of byName.get(name)?.dependencies ?? []) {
      for (const target of [code, type]) if (target?.specifier) pending.push(target.specifier);
    }
  }
  const local = (name: string) => decodeURIComponent(new URL(name).pathname).slice(root.length + 1);
  const names = [...seen];
  return {
    modules: names.map(local).sort(),
    bytes: names.reduce((sum, name) => sum + (byName.get(name)?.size ?? 0), 0),
    missing: names.filter((name) => byName.get(name)?.error).map(local),
  };
}

/** What functions/ and supabase/config.toml say together, and where they disagree. */
export async function checkFunctions(): Promise<
  { functions: FunctionSource[]; problems: string[] }
> {
  const problems: string[] = [];
  const functions: FunctionSource[] = [];
  const config = parseToml(await Deno.readTextFile(`${root}/supabase/config.toml`));
  const sections = (config.functions ?? {}) as Record<string, Record<string, unknown>>;
  const folders = (await filesUnder(`${root}/functions`, "/index.ts"))
    .map((path) => path.slice(`${root}/functions/`.length, -"/index.ts".length))
    .filter((slug) => !slug.startsWith("_"));
  for (const slug of folders) {
    if (!(slug in sections)) {
      problems.push(
        `functions/${slug} is in no section of supabase/config.toml: add [functions.${slug}]`,
      );
    }
  }
  for (const [slug, section] of Object.entries(sections)) {
    const at = `[functions.${slug}] of supabase/config.toml`;
    const entrypoint = `functions/${slug}/index.ts`;
    if (typeof section.verify_jwt !== "boolean") {
      problems.push(`${at} needs verify_jwt: without it the project keeps what it had`);
    }
    // The CLI reports a missing entrypoint as deployed.
    if (section.entrypoint !== `../${entrypoint}`) {
      problems.push(`${at} needs entrypoint = "../${entrypoint}"`);
    } else if (!await exists(`${root}/${entrypoint}`)) {
      problems.push(`${entrypoint} does not exist: remove ${at} or add the function`);
    } else {
      const { modules, bytes, missing } = await localModules(entrypoint);
      for (const file of missing) problems.push(`${slug} imports ${file}, which does not exist`);
      if (bytes >= maxSourceBytes) {
        problems.push(
          `${slug} has ${megabytes(bytes)} of source, more than ${megabytes(maxSourceBytes)}`,
        );
      }
      functions.push({ slug, entrypoint, verifyJwt: section.verify_jwt === true, modules, bytes });
    }
  }
  return { functions, problems };
}

/** The names of the settings that functions read. */
function settingNames(): Set<string> {
  const names = new Set<string>();
  try {
    readEnv(["embeddings", "draft", "search_console"], (name) => {
      names.add(name);
      return undefined;
    });
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
  }
  return names;
}

/** Sorts the env file into what the functions get and what they do not, and checks that it is complete. */
export function checkSecrets(env: Record<string, string>, projectUrl: string) {
  const problems: string[] = [];
  const names = settingNames();
  const secrets: Record<string, string> = {};
  const ignored: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (name === scheduleKeyName || value === "") continue;
    if (name.startsWith("SUPABASE_") || !names.has(name)) ignored.push(name);
    else if (/['\r\n]/.test(value)) {
      problems.push(`${name} must not contain a quote or a line break`);
    } else secrets[name] = value;
    if (
      /_BASE_URL$/.test(name) && /^https?:\/\/(localhost|127\.|\[::1\]|host\.docker\.)/.test(value)
    ) {
      problems.push(`${name} is on this machine, which Supabase's functions cannot reach`);
    }
  }
  try {
    // The project provides the SUPABASE_ settings itself.
    const provided: Record<string, string> = {
      SUPABASE_URL: projectUrl,
      SUPABASE_SECRET_KEYS: '{"default":"provided"}',
    };
    const needs: Need[] = ["embeddings", "draft"];
    if (secrets.GOOGLE_SERVICE_ACCOUNT) needs.push("search_console");
    readEnv(needs, (name) => provided[name] ?? secrets[name]);
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    problems.push(...error.problems);
  }
  const key = env[scheduleKeyName] ?? "";
  if (key === "") {
    problems.push(
      `${scheduleKeyName} is missing (a secret key named for this, sb_secret_…: Dashboard, Settings, API Keys)`,
    );
  } else if (key.startsWith("sb_publishable_")) {
    problems.push(`${scheduleKeyName} is a publishable key: the schedules need a secret one`);
  }
  return { secrets, ignored, problems, scheduleKey: key };
}

/** The tables that the migrations make in the schema `public`. */
async function ownTables(): Promise<string[]> {
  const names: string[] = [];
  for (const path of await filesUnder(`${root}/supabase/migrations`, ".sql")) {
    const text = await Deno.readTextFile(path);
    for (const [, name] of text.matchAll(/^create table if not exists public\.(\w+)/gm)) {
      names.push(name);
    }
  }
  return names;
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

async function readEnvFile(path: string): Promise<Record<string, string> | undefined> {
  try {
    return { ...parseEnv(await Deno.readTextFile(path)) } as Record<string, string>;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function makePlan(options: DeployOptions) {
  const problems: string[] = [];
  const { code, stdout } = await run(tool("supabase"), ["--version"]);
  if (code !== 0 || Number(stdout.split(".")[0]) !== 3) {
    problems.push(`the Supabase CLI is ${stdout || "missing"}, not 3.x: ./pageperfect doctor`);
  }

  const projectRef = options.projectRef ?? null;
  if (projectRef === null) {
    problems.push("--project-ref is missing: the 20 letters in https://<project ref>.supabase.co");
  } else if (!/^[a-z]{20}$/.test(projectRef)) {
    problems.push(
      `"${projectRef}" is no project ref: 20 lower-case letters, see the project's URL`,
    );
  }
  const projectUrl = projectRef && `https://${projectRef}.supabase.co`;

  const stale = await run("bash", [`${root}/build.sh`, "--check"]);
  const build = stale.code === 0
    ? "the wasm modules are current"
    : options.skipBuild
    ? "skipped"
    : "./build.sh makes the wasm modules";
  if (stale.code !== 0 && options.skipBuild) {
    problems.push(
      `the wasm modules are stale or missing (leave out --skip-build): ${stale.stderr}`,
    );
  }

  const found = await checkFunctions();
  const willBeBuilt = (problem: string) =>
    stale.code !== 0 && problem.includes("functions/_shared/wasm/");
  problems.push(...found.problems.filter((problem) => !willBeBuilt(problem)));

  const env = await readEnvFile(options.envFile);
  if (env === undefined) {
    problems.push(`there is no ${options.envFile}: make one, see docs/operations.md`);
  }
  const settings = checkSecrets(env ?? {}, projectUrl ?? "https://project.supabase.co");
  if (env !== undefined) problems.push(...settings.problems);

  const migrations = (await filesUnder(`${root}/supabase/migrations`, ".sql"))
    .map((path) => path.split("/").pop()!);
  const plan: Plan = {
    projectRef,
    projectUrl,
    build,
    migrations,
    secrets: Object.keys(settings.secrets),
    ignored: settings.ignored,
    functions: found.functions,
    problems,
  };
  return { plan, secrets: settings.secrets, scheduleKey: settings.scheduleKey };
}

function describe(plan: Plan, options: DeployOptions): string {
  const remote = options.dbUrl ? "--db-url" : plan.projectRef ?? "the project";
  const width = Math.max(...plan.functions.map(({ slug }) => slug.length));
  return [
    `Plan for ${plan.projectUrl ?? "a project that is yet to be named"}`,
    "",
    `1. Build       ${plan.build}`,
    `2. Check       ${plan.functions.length} functions: section, entrypoint and verify_jwt, every module, < ${
      megabytes(maxSourceBytes)
    } each`,
    ...plan.functions.map(({ slug, modules, bytes, verifyJwt }) =>
      `               ${slug.padEnd(width)}  ${String(modules.length).padStart(2)} modules  ${
        megabytes(bytes).padStart(7)
      }  verify_jwt ${verifyJwt}`
    ),
    `3. Database    supabase db push (${remote}): of ${plan.migrations.length} migrations those it lacks`,
    `4. Secrets     ${plan.secrets.join(", ") || `none in ${options.envFile}`}`,
    ...(plan.ignored.length > 0
      ? [
        `               not sent, since the functions do not read them: ${plan.ignored.join(", ")}`,
      ]
      : []),
    ...(plan.secrets.includes("PAGEPERFECT_ALLOWED_HOSTS")
      ? [
        "               PAGEPERFECT_ALLOWED_HOSTS lets the crawler reach these hosts though they are private",
      ]
      : []),
    "5. Functions   supabase functions deploy --use-api: all of them, old ones replaced",
    "6. Schedules   Vault: project_url, pageperfect_secret_key; then pg_cron: dispatcher every 10 s,",
    "               crawler every 30 s, retention and clean-up daily",
    "7. Verify      every schedule in place",
  ].join("\n");
}

const list = (problems: string[]) => problems.map((problem) => `  - ${problem}`).join("\n");

/** Text of a failed CLI call without the secrets that it might quote. */
function blot(text: string, secrets: string[]): string {
  for (const secret of secrets) if (secret.length >= 6) text = text.replaceAll(secret, "***");
  return text;
}

async function deploy(options: DeployOptions): Promise<void> {
  const say = (line: string) => console.error(`pageperfect: ${line}`);
  const { plan, secrets, scheduleKey } = await makePlan(options);

  if (options.dryRun) {
    if (options.json) return console.log(JSON.stringify(plan, null, 2));
    console.log(describe(plan, options));
    console.log(
      plan.problems.length > 0
        ? `\nBefore it can run:\n${list(plan.problems)}\n\nNothing was changed.`
        : "\nNothing was changed. Run it without --dry-run to deploy.",
    );
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
  const database = `--remote=${options.dbUrl ?? plan.projectRef}`;
  const databaseAdvice =
    "see the message (a migration that fails is rolled back whole). Without IPv6 pass --db-url with the session " +
    "pooler's connection string (Dashboard, Connect)";
  const supabase = async (what: string, args: string[], advice: string) => {
    const profile = options.profile ? ["--profile", resolve(options.profile)] : [];
    const result = await run(tool("supabase"), [...args, "--yes", ...profile]);
    // A module that is missing is only a warning to the CLI, and the function is broken.
    if (result.code !== 0 || /failed to read file/.test(result.stderr)) {
      const text = blot(`${result.stdout}\n${result.stderr}`.trim(), hidden);
      throw new Error(`${what} failed; ${advice}, then run the same command again:\n${text}`);
    }
    return result.stdout;
  };

  // The first call changes nothing: it finds a wrong token or project before anything is half done.
  await supabase(
    "signing in",
    ["secrets", "list", project],
    "set SUPABASE_ACCESS_TOKEN (https://supabase.com/dashboard/account/tokens) to a token that may write this project",
  );
  const query = async (what: string, args: string[], advice = "see the message") =>
    JSON.parse(
      await supabase(what, [
        "db",
        "query",
        "--agent",
        "no",
        "--output-format",
        "json",
        database,
        ...args,
      ], advice),
    );
  if (!options.adoptTables) {
    // Our migrations would take tables of the same names for ours, and close them to the project's users.
    const names = (await ownTables()).map((name) => `'${name}'`).join(", ");
    const taken: { relname: string }[] = await query("looking at the tables", [
      "--read-only",
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relname in (${names})
         and to_regclass('pipeline.jobs') is null order by 1`,
    ], databaseAdvice);
    if (taken.length > 0) {
      throw new Error(
        `nothing was changed: the project has tables of its own named ${
          taken.map(({ relname }) => relname).join(", ")
        }; rename them, or pass --adopt-tables if PagePerfect may use them and close them to anon and signed-in users`,
      );
    }
  }

  if (!options.skipBuild) await ensureBuilt(say);
  const { problems } = await checkFunctions();
  if (problems.length > 0) throw new Error(`nothing was changed:\n${list(problems)}`);

  say(`database: ${plan.migrations.length} migrations`);
  await supabase("db push", ["db", "push", database], databaseAdvice);

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

    say("schedules");
    const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
    const file = `${folder}/schedules.sql`;
    await Deno.writeTextFile(
      file,
      `select pipeline.set_schedule_secrets(${quote(plan.projectUrl!)}, ${quote(scheduleKey)})`,
      { mode: 0o600 },
    );
    const enable = "enable the extensions pg_cron, pg_net and supabase_vault (Dashboard, Database)";
    await supabase(
      "storing the schedules' secrets",
      ["db", "query", "--file", file, database],
      enable,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const checks: { item: string; is_ready: boolean; advice: string | null }[] = await query(
    "making the schedules",
    ["select * from pipeline.install_schedules()"],
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
    .option("--dry-run", "only print what would be done")
    .option(
      "--env-file <file>",
      "the functions' secrets and PAGEPERFECT_SECRET_KEY",
      `${root}/.env`,
    )
    .option("--skip-build", "take the wasm modules as they are, if they are current")
    .option(
      "--db-url <url>",
      "reach the database by this URL, such as the session pooler's where there is no IPv6",
    )
    .option("--profile <file>", "the Supabase CLI's profile, for another Management API")
    .option("--adopt-tables", "use tables of our names that the project already has")
    .option("--json", "print JSON")
    .option("--yes", "do not ask")
    .addHelpText(
      "after",
      "\nNeeds SUPABASE_ACCESS_TOKEN or a `supabase login`. Safe to repeat: upgrades are the same command.",
    )
    .action(deploy);
}
