// `deploy`: brings a Supabase project to this checkout, with the real Supabase CLI. Every step may be repeated.

import type { Command } from "npm:commander@15.1.0";
import { parse as parseToml } from "npm:smol-toml@1.9.1";
import { resolve } from "node:path";
import { parseEnv } from "node:util";
import { EnvError, type Need, readEnv } from "../functions/_shared/platform/env.ts";
import { exists, filesUnder, root, tool } from "../local/paths.ts";
import {
  applyStatement,
  readSchema,
  rehearsed,
  removeStatement,
  tidyStatement,
} from "../supabase/schema.ts";
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
}

/** What the database lacks. */
export interface DatabasePlan {
  migrations: string[];
  /** Files of supabase/schemas that are new, changed, or gone. */
  added: string[];
  changed: string[];
  removed: string[];
  /** Tables of the project's own that get PagePerfect's columns. */
  adopted: string[];
}

export interface Plan {
  projectRef: string | null;
  projectUrl: string | null;
  build: string;
  database: DatabasePlan | null;
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

/** What one section of supabase/config.toml and its function say together, and where they disagree. */
async function checkFunction(
  slug: string,
  section: Record<string, unknown>,
): Promise<{ source?: FunctionSource; problems: string[] }> {
  const problems: string[] = [];
  const at = `[functions.${slug}] of supabase/config.toml`;
  const entrypoint = `functions/${slug}/index.ts`;
  if (typeof section.verify_jwt !== "boolean") {
    problems.push(`${at} needs verify_jwt: without it the project keeps what it had`);
  }
  // The CLI reports a missing entrypoint as deployed.
  if (section.entrypoint !== `../${entrypoint}`) {
    problems.push(`${at} needs entrypoint = "../${entrypoint}"`);
    return { problems };
  }
  if (!await exists(`${root}/${entrypoint}`)) {
    problems.push(`${entrypoint} does not exist: remove ${at} or add the function`);
    return { problems };
  }
  const { modules, bytes, missing } = await localModules(entrypoint);
  for (const file of missing) problems.push(`${slug} imports ${file}, which does not exist`);
  if (bytes >= maxSourceBytes) {
    problems.push(
      `${slug} has ${megabytes(bytes)} of source, more than ${megabytes(maxSourceBytes)}`,
    );
  }
  const verifyJwt = section.verify_jwt === true;
  return { source: { slug, entrypoint, verifyJwt, modules, bytes }, problems };
}

/** What functions/ and supabase/config.toml say together, and where they disagree. */
export async function checkFunctions(): Promise<
  { functions: FunctionSource[]; problems: string[] }
> {
  const config = parseToml(await Deno.readTextFile(`${root}/supabase/config.toml`));
  const sections = (config.functions ?? {}) as Record<string, Record<string, unknown>>;
  const folders = (await filesUnder(`${root}/functions`, "/index.ts"))
    .map((path) => path.slice(`${root}/functions/`.length, -"/index.ts".length))
    .filter((slug) => !slug.startsWith("_"));
  const unknown = folders.filter((slug) => !(slug in sections)).map((slug) =>
    `functions/${slug} is in no section of supabase/config.toml: add [functions.${slug}]`
  );
  const checked = await Promise.all(
    Object.entries(sections).map(([slug, section]) => checkFunction(slug, section)),
  );
  return {
    functions: checked.flatMap(({ source }) => source ?? []),
    problems: [...unknown, ...checked.flatMap(({ problems }) => problems)],
  };
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

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

async function readEnvFile(path: string): Promise<Record<string, string> | undefined> {
  try {
    return { ...parseEnv(await Deno.readTextFile(path)) } as Record<string, string>;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function hasAccessToken(): Promise<boolean> {
  const home = Deno.env.get("HOME") ?? "/";
  return Boolean(Deno.env.get("SUPABASE_ACCESS_TOKEN")) ||
    await exists(`${home}/.supabase/access-token`);
}

/** A connection string without its password, which arguments would show to every user of the machine. */
export function splitPassword(dbUrl: string | undefined): { url?: string; password?: string } {
  if (!dbUrl || !URL.canParse(dbUrl)) return { url: dbUrl };
  const url = new URL(dbUrl);
  const password = decodeURIComponent(url.password);
  url.password = "";
  return password ? { url: url.href, password } : { url: dbUrl };
}

/** Runs the Supabase CLI on the project; what it prints when it fails never holds a secret. */
function cli(options: DeployOptions, hidden: string[]) {
  const { password } = splitPassword(options.dbUrl);
  return async (what: string, args: string[], advice: string): Promise<string> => {
    const profile = options.profile ? ["--profile", resolve(options.profile)] : [];
    const result = await run(
      tool("supabase"),
      [...args, "--yes", ...profile],
      password === undefined ? {} : { PGPASSWORD: password },
    );
    // A module that is missing is only a warning to the CLI, and the function is broken.
    if (result.code !== 0 || /failed to read file/.test(result.stderr)) {
      const text = blot(`${result.stdout}\n${result.stderr}`.trim(), [...hidden, password ?? ""]);
      throw new Error(`${what} failed; ${advice}, then run the same command again:\n${text}`);
    }
    return result.stdout;
  };
}

interface Database {
  /** Rows of a query that only reads. */
  read<Row>(what: string, sql: string): Promise<Row[]>;
  /** Runs a statement from a file that only its owner may read: it may hold secrets, and be long. */
  run(what: string, sql: string, advice?: string): Promise<void>;
}

function databaseOf(options: DeployOptions, hidden: string[] = []): Database {
  const remote = `--remote=${splitPassword(options.dbUrl).url ?? options.projectRef}`;
  const supabase = cli(options, [...hidden, options.dbUrl ?? ""]);
  const advice =
    "see the message. Without IPv6 pass --db-url with the session pooler's connection string (Dashboard, Connect)";
  const asJson = ["--agent", "no", "--output-format", "json"];
  return {
    read: async (what, sql) =>
      JSON.parse(
        await supabase(what, ["db", "query", "--read-only", ...asJson, remote, sql], advice),
      ),
    run: async (what, sql, how = "see the message; the database is as it was") => {
      const file = await Deno.makeTempFile({ prefix: "pageperfect-", suffix: ".sql" });
      try {
        await Deno.chmod(file, 0o600);
        await Deno.writeTextFile(file, sql);
        await supabase(what, ["db", "query", "--file", file, remote], how);
      } finally {
        await Deno.remove(file);
      }
    },
  };
}

/** What a deploy would change in the database. One that was never deployed to rehearses it, and takes it back. */
async function planDatabase(database: Database): Promise<DatabasePlan> {
  const files = await readSchema(root);
  const [{ has_ledger, adopted }] = await database.read<{ has_ledger: boolean; adopted: string[] }>(
    "looking at the database",
    `select to_regclass('pipeline.objects') is not null as has_ledger, coalesce((
       select array_agg(c.relname::text order by 1) from pg_class as c
       where to_regclass('pipeline.jobs') is null and c.relnamespace = 'public'::regnamespace and c.relname in
         ('pages', 'crawl_jobs', 'page_embeddings', 'gsc_page_query', 'keyword_clusters', 'rewrite_recommendations')), '{}') as adopted`,
  );
  const there = new Map<string, string>();
  if (has_ledger) {
    const rows = await database.read<{ name: string; sha256: string }>(
      "reading the ledger",
      "select name, '' as sha256 from pipeline.migrations union all select path, sha256 from pipeline.objects",
    );
    for (const { name, sha256 } of rows) there.set(name, sha256);
  } else {
    await database.run("rehearsing the install", await applyStatement(files, true)).then(
      () => {
        throw new Error("the rehearsal was not taken back");
      },
      (error: Error) => {
        if (!error.message.includes(rehearsed)) throw error;
      },
    );
  }
  const objects = files.filter(({ kind }) => kind === "object");
  const here = new Set(files.map(({ name }) => name));
  return {
    migrations: files.filter(({ kind, name }) => kind === "migration" && !there.has(name))
      .map(({ name }) => name),
    added: objects.filter(({ name }) => !there.has(name)).map(({ name }) => name),
    changed: objects.filter(({ name, sha256 }) => (there.get(name) ?? sha256) !== sha256)
      .map(({ name }) => name),
    removed: [...there.keys()].filter((name) => !here.has(name)),
    adopted,
  };
}

/** Brings the database to this checkout. Under load a lock may be somebody else's turn: then it is tried again. */
async function migrateDatabase(database: Database, say: (line: string) => void): Promise<void> {
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

  let database: DatabasePlan | null = null;
  if (!options.dbUrl && !await hasAccessToken()) {
    problems.push(
      "SUPABASE_ACCESS_TOKEN is missing (https://supabase.com/dashboard/account/tokens)",
    );
  } else if (options.dbUrl || (projectRef !== null && /^[a-z]{20}$/.test(projectRef))) {
    try {
      database = await planDatabase(databaseOf(options));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  const plan: Plan = {
    projectRef,
    projectUrl,
    build,
    database,
    secrets: Object.keys(settings.secrets),
    ignored: settings.ignored,
    functions: found.functions,
    problems,
  };
  return { plan, secrets: settings.secrets, scheduleKey: settings.scheduleKey };
}

function describeDatabase(plan: DatabasePlan | null): string[] {
  if (plan === null) return ["3. Database    could not be looked at"];
  const { migrations, added, changed, removed, adopted } = plan;
  const lines = [
    ...migrations.map((name) => `migration  ${name}`),
    ...adopted.map((name) => `adopt      ${name}: columns are added, rows and rights stay`),
    ...(added.length > 20 && changed.length === 0
      ? [`new        ${added.length} functions and views`]
      : added.map((name) => `new        ${name}`)),
    ...changed.map((name) => `changed    ${name}`),
    ...removed.map((name) => `gone       ${name}`),
  ];
  return [
    `3. Database    in one transaction: ${
      lines.length === 0
        ? "nothing is new; all functions are applied again"
        : "what is new, and all functions again"
    }`,
    ...lines.map((line) => `               ${line}`),
  ];
}

function describe(plan: Plan, options: DeployOptions): string {
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
    ...describeDatabase(plan.database),
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
  await migrateDatabase(database, say);

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

interface RemoveOptions {
  projectRef?: string;
  dbUrl?: string;
  profile?: string;
  yes?: boolean;
}

async function remove(options: RemoveOptions): Promise<void> {
  const say = (line: string) => console.error(`pageperfect: ${line}`);
  const { projectRef } = options;
  if (!projectRef || !/^[a-z]{20}$/.test(projectRef)) {
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
  const supabase = cli({ ...options, envFile: "" }, [options.dbUrl ?? ""]);
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
  await databaseOf({ ...options, envFile: "" }).run(
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
