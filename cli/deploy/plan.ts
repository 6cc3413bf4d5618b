// What a deploy would do, and what has to be put right first.

import { exists, root, tool } from "../../local/paths.ts";
import { applyStatement, readSchema, rehearsed } from "../../supabase/schema.ts";
import { checkFunctions, type FunctionSource, maxSourceBytes, megabytes } from "./functions.ts";
import { type Database, databaseOf, isProjectRef, type ProjectOptions, run } from "./project.ts";
import { checkSecrets, readEnvFile } from "./secrets.ts";

export interface DeployOptions extends ProjectOptions {
  dryRun?: boolean;
  envFile: string;
  skipBuild?: boolean;
  json?: boolean;
  yes?: boolean;
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

async function hasAccessToken(): Promise<boolean> {
  const home = Deno.env.get("HOME") ?? "/";
  return Boolean(Deno.env.get("SUPABASE_ACCESS_TOKEN")) ||
    await exists(`${home}/.supabase/access-token`);
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

export async function makePlan(options: DeployOptions) {
  const problems: string[] = [];
  const { code, stdout } = await run(tool("supabase"), ["--version"]);
  if (code !== 0 || Number(stdout.split(".")[0]) !== 3) {
    problems.push(`the Supabase CLI is ${stdout || "missing"}, not 3.x: ./pageperfect doctor`);
  }

  const projectRef = options.projectRef ?? null;
  if (projectRef === null) {
    problems.push("--project-ref is missing: the 20 letters in https://<project ref>.supabase.co");
  } else if (!isProjectRef(projectRef)) {
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
  } else if (options.dbUrl || isProjectRef(projectRef)) {
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

export function describe(plan: Plan, options: DeployOptions): string {
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
