// `test`: every suite of the repository, with one line that counts them all at the end.

import type { Command } from "npm:commander@15.1.0";
import postgres from "npm:postgres@3.4.9";
import { exists, filesUnder, postgresHome, root, stateDir, tool } from "../local/paths.ts";
import { freePort } from "../local/postgres/postgres.ts";
import { startStack } from "../local/stack.ts";
import { tableOf } from "../tests/edges/edge.ts";

export interface Result {
  passed: number;
  failed: number;
  /** Why a suite did not run as it should, or what failed. */
  notes: string[];
}

interface Suite {
  name: string;
  /** What --only calls it. */
  kind:
    | "rust"
    | "wasm"
    | "sql"
    | "deno"
    | "edges"
    | "site"
    | "web"
    | "lint"
    | "install"
    | "upgrade";
  /** Compiles most of the time; it runs beside the others, which wait for most of theirs. */
  isCompiling?: true;
  /** `filter`: only what has this text in its name. */
  run: (log: Log, filter?: string) => Promise<Result>;
}

/** A suite's output: all of it in a file, the end of it on the screen when something failed. */
class Log {
  #file: Deno.FsFile;
  #tail = "";

  constructor(readonly path: string) {
    this.#file = Deno.openSync(path, { create: true, write: true, truncate: true });
  }

  write(chunk: Uint8Array) {
    this.#file.writeSync(chunk);
    this.#tail = (this.#tail + new TextDecoder().decode(chunk)).slice(-20_000);
  }

  lastLines(count: number): string {
    return this.#tail.trimEnd().split("\n").slice(-count).join("\n");
  }

  close() {
    this.#file.close();
  }
}

/**
 * Runs a command into the log; what it printed comes back as one text without colours. `isOneOfMany`: into the log at its
 * end, so that commands side by side do not mix there.
 */
async function run(
  log: Log,
  command: string[],
  env: Record<string, string> = {},
  isOneOfMany = false,
): Promise<{ code: number; text: string }> {
  const waiting: Uint8Array[] = [];
  const write = (chunk: Uint8Array) => isOneOfMany ? waiting.push(chunk) : log.write(chunk);
  write(new TextEncoder().encode(`\n$ ${command.join(" ")}\n`));
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command[0], {
      args: command.slice(1),
      cwd: root,
      env: { NO_COLOR: "1", CARGO_TERM_COLOR: "never", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    return { code: 127, text: `${command[0]} could not be run: ${(error as Error).message}` };
  }
  let text = "";
  const follow = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      write(chunk);
      text += decoder.decode(chunk, { stream: true });
    }
  };
  const [{ code }] = await Promise.all([child.status, follow(child.stdout), follow(child.stderr)]);
  waiting.forEach((chunk) => log.write(chunk));
  // deno-lint-ignore no-control-regex
  return { code, text: text.replace(/\x1b\[[0-9;]*m/g, "") };
}

/**
 * Adds up the result lines of a test runner. A runner that failed without a failed test, or ran no
 * test at all, counts as one failed, unless `filter` left it none: another suite may have them.
 */
export function count(
  result: { code: number; text: string },
  pattern: RegExp,
  filter?: string,
): Result {
  let passed = 0, failed = 0;
  for (const [, some, others] of result.text.matchAll(pattern)) {
    passed += Number(some);
    failed += Number(others);
  }
  const notes = failures(result.text);
  if (filter !== undefined && result.code === 0) return { passed, failed, notes };
  if (failed === 0 && (result.code !== 0 || passed === 0)) {
    failed = 1;
    notes.push(result.code !== 0 ? `ended with exit code ${result.code}` : "ran no test");
  }
  return { passed, failed, notes };
}

/** The names of the tests that failed, of Deno's with what went wrong: the end of a log need not show it. */
function failures(text: string): string[] {
  const rust = [...text.matchAll(/^test (.+) \.\.\. FAILED$/gm)].map(([, name]) => name);
  const deno = [...text.matchAll(/^ ERRORS \n+([\s\S]*?)^ FAILURES $/gm)].map(([, errors]) =>
    errors.trim()
  );
  return [...rust, ...deno];
}

/** `test result: ok. 12 passed; 0 failed; …`, one a test binary. */
export const rustResult = /^test result: \w+\. (\d+) passed; (\d+) failed/gm;
/** The last line of tests/wasm.sh and tests/fuzz.sh. */
export const scriptResult = /^(\d+) passed, (\d+) failed$/gm;
/** `ok | 12 passed (3 steps) | 0 failed (2s)` */
export const denoResult = /^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed/gm;

/** Commands of which each counts as one test. */
async function runAll(log: Log, commands: Record<string, string[]>): Promise<Result> {
  const result: Result = { passed: 0, failed: 0, notes: [] };
  for (const [name, command] of Object.entries(commands)) {
    const { code } = await run(log, command);
    if (code === 0) result.passed++;
    else {
      result.failed++;
      result.notes.push(`${name} failed`);
    }
  }
  return result;
}

async function lint(log: Log): Promise<Result> {
  const deno = tool("deno");
  const typescript: string[] = [];
  for (const dir of ["functions", "cli", "local", "supabase", "tests", "bench"]) {
    typescript.push(...await filesUnder(`${root}/${dir}`, ".ts"));
  }
  const web = ["--config", `${root}/web/deno.json`];
  const own = typescript.filter((file) => !file.includes("/_shared/wasm/"));
  const deployed = own.filter((file) => file.startsWith(`${root}/functions/`));
  return await runAll(log, {
    "deno fmt": [deno, "fmt", "--check", "--quiet"],
    "deno lint": [deno, "lint", "--quiet"],
    "deno check": [deno, "check", "--quiet", ...own],
    "deno 2.1 check": [tool("deno-2.1"), "check", "--quiet", "--no-lock", ...deployed],
    "deno fmt, web": [deno, "fmt", "--check", "--quiet", ...web, `${root}/web/src`],
    "deno lint, web": [deno, "lint", "--quiet", ...web, `${root}/web/src`],
    "deno check, web": [
      ...[deno, "check", "--quiet", ...web, "--frozen", `${root}/web/src/main.tsx`],
      `${root}/web/src/worker.ts`,
    ],
    // Any build brings the workspace's lock file up to date; that of the fuzz targets is forgotten when a crate's dependencies change.
    "cargo lock, fuzz": [
      ...["cargo", "tree", "--locked", "--depth", "0"],
      ...["--manifest-path", `${root}/fuzz/Cargo.toml`],
    ],
    "cargo fmt": ["cargo", "fmt", "--all", "--check"],
    "cargo fmt, fuzz": ["cargo", "fmt", "--manifest-path", `${root}/fuzz/Cargo.toml`, "--check"],
    "cargo clippy": [
      "cargo",
      "clippy",
      "--workspace",
      "--all-targets",
      "--quiet",
      "--",
      "-D",
      "warnings",
    ],
  });
}

/** TAP of one pgTAP file. A file that breaks off or misses its plan fails by that. */
export function countTap(name: string, result: { code: number; text: string }): Result {
  const passed = result.text.match(/^ok \d+/gm)?.length ?? 0;
  const broken = result.text.match(/^not ok \d+.*/gm) ?? [];
  const notes = broken.map((line) => `${name}: ${line}`);
  const plan = Number(/^1\.\.(\d+)/m.exec(result.text)?.[1] ?? -1);
  if (plan !== passed + broken.length || result.code !== 0) {
    const error = /^psql:.*?(ERROR.*)$/m.exec(result.text)?.[1];
    notes.push(`${name}: ${error ?? `planned ${plan} tests, ran ${passed + broken.length}`}`);
    return { passed, failed: Math.max(broken.length, 1), notes };
  }
  return { passed, failed: broken.length, notes };
}

/**
 * Runs every pgTAP file on a database of its own, copied from the migrated one.
 * `autoExpose`: as on a project from before June 2026, see postgres.ts.
 */
async function sql(log: Log, autoExpose: boolean, filter = ""): Promise<Result> {
  const files = (await filesUnder(`${root}/supabase/tests`, ".test.sql"))
    .filter((file) => file.slice(root.length + 1).includes(filter));
  const total: Result = { passed: 0, failed: 0, notes: [] };
  if (files.length === 0) {
    return filter
      ? total
      : { ...total, failed: 1, notes: ["there is no supabase/tests/*.test.sql"] };
  }
  await using stack = await startStack({ ticker: false, autoExpose });
  // A database can only be copied while nobody uses it: the stack's own connections rest on a copy.
  const admin = new URL(stack.adminDbUrl);
  admin.pathname = "/template1";
  const control = postgres(admin.href, { max: 1, onnotice: () => {} });
  const template = "pgtap_template";
  try {
    await copyMigrated(stack.adminDbUrl, template, control);
    const queue = [...files];
    const worker = async (number: number) => {
      for (let file = queue.shift(); file; file = queue.shift()) {
        const database = `pgtap_${number}_${freePort()}`;
        await control.unsafe(`create database ${database} template ${template} owner postgres`);
        await control.unsafe(
          `alter database ${database} set search_path = "$user", public, extensions`,
        );
        const url = new URL(stack.dbUrl);
        url.pathname = `/${database}`;
        const command = [tool("psql"), "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"];
        const result = await run(log, [...command, "-d", url.href, "-f", file], {
          PGOPTIONS: "-c client_min_messages=warning",
        });
        const { passed, failed, notes } = countTap(file.slice(root.length + 1), result);
        total.passed += passed;
        total.failed += failed;
        total.notes.push(...notes);
        await control.unsafe(`drop database ${database} with (force)`);
      }
    };
    await Promise.all([1, 2, 3].map(worker));
  } finally {
    await control.end();
  }
  return total;
}

async function copyMigrated(adminUrl: string, template: string, control: postgres.Sql) {
  const name = new URL(adminUrl).pathname.slice(1);
  await control.unsafe(`alter database ${name} allow_connections false`);
  try {
    await control`
      select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where datname = ${name} and pid <> pg_backend_pid()`;
    await control.unsafe(`create database ${template} template ${name}`);
  } finally {
    await control.unsafe(`alter database ${name} allow_connections true`);
  }
  const url = new URL(adminUrl);
  url.pathname = `/${template}`;
  const inside = postgres(url.href, { max: 1, onnotice: () => {} });
  await inside`create extension if not exists pgtap with schema extensions`;
  await inside.end();
}

/** An invocation's budget is that of hosted functions: they are measured on a Deno like theirs alone. */
const asHosted = "tests/functions/budget.test.ts";

/** What has suites of its own. */
const apart = ["tests/edges/", "tests/install/", "tests/site/", "tests/upgrade/", "tests/web/"];

async function denoTests(log: Log, functionsDeno: "newest" | "2.1", filter?: string) {
  const files: string[] = [];
  for (
    const dir of functionsDeno === "2.1" ? ["tests/functions", "tests/e2e"] : ["tests", "functions"]
  ) {
    files.push(...await filesUnder(`${root}/${dir}`, ".test.ts"));
  }
  const elsewhere = functionsDeno === "newest" && filter === undefined
    ? [...apart, asHosted]
    : apart;
  return await denoSuite(
    log,
    files.filter((file) => !elsewhere.some((start) => file.startsWith(`${root}/${start}`))),
    functionsDeno,
    filter,
  );
}

/** What Deno runs of `files`: a filter is a part of a file's path, or else of the tests' names. */
function chosenBy(filter: string | undefined, files: string[]): [args: string[], files: string[]] {
  if (filter === undefined) return [[], files];
  const named = files.filter((file) => file.slice(root.length + 1).includes(filter));
  return named.length > 0 ? [[], named] : [["--filter", filter], files];
}

/** What takes minutes goes first, so that it does not end alone; what calls cargo goes last, when nobody holds its lock. */
const longest = ["tests/functions/budget.test", "tests/deploy/deploy.test", "tests/chaos"];
const callCargo = ["tests/compute", "tests/segment"];

function inGoodOrder(files: string[]): string[] {
  const place = (file: string) => {
    const path = file.slice(root.length + 1);
    const first = longest.findIndex((start) => path.startsWith(start));
    if (first >= 0) return first;
    return longest.length + (callCargo.some((start) => path.startsWith(start)) ? 1 : 0);
  };
  return [...files].sort((a, b) => place(a) - place(b));
}

/** `name: 12 s` of the tests that took longest, those of ten seconds or more. */
export function slowest(text: string, count = 10): string[] {
  return [...text.matchAll(/^(\S.*?) \.\.\. (?:ok|FAILED) \((?:(\d+)m)?(\d+)s\)$/gm)]
    .map(([, name, minutes, seconds]) => ({
      name,
      seconds: 60 * Number(minutes ?? 0) + Number(seconds),
    }))
    .filter(({ seconds }) => seconds >= 10)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, count)
    .map(({ name, seconds }) => `${seconds} s  ${name}`);
}

const parallelFiles = 3;

async function denoSuite(
  log: Log,
  files: string[],
  functionsDeno: "newest" | "2.1",
  filter?: string,
  more: Record<string, string> = {},
): Promise<Result> {
  if (files.length === 0) return { passed: 0, failed: 1, notes: ["there is no *.test.ts"] };
  const [args, chosen] = chosenBy(filter, files);
  const tables = log.path.replace(/log$/, "tables.txt");
  await Deno.writeTextFile(tables, "");
  const env = {
    PAGEPERFECT_FUNCTIONS_DENO: functionsDeno,
    PAGEPERFECT_TEST_TABLES: tables,
    ...more,
  };
  const command = [tool("deno"), "test", "-A", "--quiet", "--no-check", ...args];
  const output = { code: 0, text: "" };
  const waiting = inGoodOrder(chosen);
  const runner = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const { code, text } = await run(log, [...command, file], env, true);
      output.code ||= code;
      output.text += text;
    }
  };
  // Most of a test's time is waiting: for leases to run out, for processes to start.
  await Promise.all(Array.from({ length: parallelFiles }, runner));
  const text = await Deno.readTextFile(tables);
  if (text) console.log(text);
  for (const line of slowest(output.text)) console.log(`  ${line}`);
  return count(output, denoResult, filter);
}

/** The tests of one folder, one after the other, with a line a case on the screen. */
async function cases(log: Log, dir: string, filter?: string): Promise<Result> {
  const files = await filesUnder(`${root}/${dir}`, ".test.ts");
  const [args, chosen] = chosenBy(filter, files);
  const result = await run(log, [
    tool("deno"),
    "test",
    "-A",
    "--quiet",
    "--no-check",
    ...args,
    ...chosen,
  ]);
  for (const [line] of result.text.matchAll(/^ {0,2}\S.* \.\.\. (ok|FAILED).*$/gm)) {
    console.log(`  ${line.replace(/ \(\d.*$/, "")}`);
  }
  return count(result, denoResult, filter);
}

/** The reproductions of faults that were found, with a table of what each did then and does now. */
async function edges(log: Log, filter?: string): Promise<Result> {
  const notes = log.path.replace(/log$/, "notes.jsonl");
  await Deno.writeTextFile(notes, "");
  const files = await filesUnder(`${root}/tests/edges`, ".test.ts");
  const result = await denoSuite(log, files, "newest", filter, { PAGEPERFECT_TEST_EDGES: notes });
  console.log(tableOf(await Deno.readTextFile(notes)));
  return result;
}

const suites: Suite[] = [
  {
    name: "build",
    kind: "wasm",
    run: async (log) =>
      await runAll(log, {
        "build.sh": ["bash", `${root}/build.sh`],
        "build.sh --check": ["bash", `${root}/build.sh`, "--check"],
      }),
  },
  { name: "formats, lints, types", kind: "lint", isCompiling: true, run: lint },
  {
    name: "Rust",
    kind: "rust",
    isCompiling: true,
    run: async (log, filter) =>
      count(
        await run(log, [
          "cargo",
          "test",
          "--workspace",
          // They have tests for a browser alone: tests/wasm.sh.
          "--exclude",
          "*-wasm",
          "--no-fail-fast",
          ...filter ? [filter] : [],
        ]),
        rustResult,
        filter,
      ),
  },
  {
    name: "fuzzing",
    kind: "rust",
    isCompiling: true,
    run: async (log) => count(await run(log, ["bash", `${root}/tests/fuzz.sh`]), scriptResult),
  },
  {
    name: "wasm in Chrome",
    kind: "wasm",
    isCompiling: true,
    run: async (log) => count(await run(log, ["bash", `${root}/tests/wasm.sh`]), scriptResult),
  },
  { name: "SQL", kind: "sql", run: (log, filter) => sql(log, false, filter) },
  {
    name: "SQL, with the grants of older projects",
    kind: "sql",
    run: (log, filter) => sql(log, true, filter),
  },
  { name: "Deno", kind: "deno", run: (log, filter) => denoTests(log, "newest", filter) },
  { name: "faults at the edges", kind: "edges", run: edges },
  {
    name: "the sample site",
    kind: "site",
    run: async (log, filter) =>
      await denoSuite(log, await filesUnder(`${root}/tests/site`, ".test.ts"), "newest", filter),
  },
  {
    name: "web app in Chromium",
    kind: "web",
    run: async (log, filter) =>
      await denoSuite(log, await filesUnder(`${root}/tests/web`, ".test.ts"), "newest", filter),
  },
  {
    name: "Deno, functions on 2.1",
    kind: "deno",
    run: (log, filter) => denoTests(log, "2.1", filter),
  },
  {
    name: "installs on projects that live",
    kind: "install",
    run: (log, filter) => cases(log, "tests/install", filter),
  },
  {
    name: "upgrade of a2c8525",
    kind: "upgrade",
    run: (log, filter) => cases(log, "tests/upgrade", filter),
  },
];

/** Runs one suite; one that throws counts as failed. */
async function runSuite(suite: Suite, logsDir: string, filter?: string): Promise<Result> {
  const log = new Log(`${logsDir}/${suite.name.replace(/[^A-Za-z0-9.]+/g, "-").toLowerCase()}.log`);
  const started = Date.now();
  const seconds = () => `${Math.round((Date.now() - started) / 1000)} s`;
  console.log(`… ${suite.name}`);
  const heartbeat = setInterval(() => {
    console.log(
      `  ${suite.name}: still running after ${seconds()}: ${log.lastLines(1).trim().slice(0, 100)}`,
    );
  }, 30_000);
  let result: Result;
  try {
    result = await suite.run(log, filter);
  } catch (error) {
    result = { passed: 0, failed: 1, notes: [`could not run: ${(error as Error).message}`] };
  } finally {
    clearInterval(heartbeat);
  }
  const { passed, failed, notes } = result;
  console.log(
    `${failed === 0 ? "✓" : "✗"} ${suite.name}: ${passed} passed, ${failed} failed (${seconds()})`,
  );
  if (failed > 0) {
    for (const note of notes) console.log(`  ${note}`);
    console.log(`  the end of ${log.path}:\n${log.lastLines(60).replace(/^/gm, "  | ")}`);
  }
  log.close();
  return result;
}

export function registerTest(program: Command) {
  const kinds = [...new Set(suites.map(({ kind }) => kind))];
  program.command("test [filter]")
    .description(
      "run every test: Rust, wasm in Chrome, SQL, Deno on the embedded stack, the web app, lints",
    )
    .option("--only <kinds>", `only some, comma-separated: ${kinds.join(", ")}`)
    .addHelpText(
      "after",
      `
With --only a filter runs some of the tests: a part of a file's path or of a test's name.
  ./pageperfect test --only deno tests/functions/crawl
  ./pageperfect test --only sql claim_stage`,
    )
    .action(async (filter: string | undefined, options: { only?: string }) => {
      if (filter !== undefined && options.only === undefined) {
        program.error(`error: a filter needs --only, such as --only deno ${filter}`);
      }
      const wanted = options.only?.split(",") ?? kinds;
      const unknown = wanted.filter((kind) => !kinds.includes(kind as Suite["kind"]));
      if (unknown.length > 0) {
        program.error(`error: --only knows ${kinds.join(", ")}, not ${unknown.join(", ")}`);
      }
      if (!await exists(`${postgresHome()}/bin/postgres`)) {
        throw new Error("run ./pageperfect doctor");
      }
      const logsDir = `${stateDir}/test-logs`;
      await Deno.mkdir(logsDir, { recursive: true });
      const total = { passed: 0, failed: 0 };
      const failed: string[] = [];
      const [build, ...others] = suites;
      const begun = new Set<Suite>();
      let ran = 0;
      const runAllOf = async (some: Suite[]) => {
        for (const suite of some) {
          if (begun.has(suite)) continue;
          begun.add(suite);
          const result = await runSuite(suite, logsDir, filter);
          total.passed += result.passed;
          total.failed += result.failed;
          if (suite !== build) ran += result.passed + result.failed;
          if (result.failed > 0) failed.push([`✗ ${suite.name}`, ...result.notes].join("\n  "));
        }
      };
      // The functions import the built wasm.
      if (
        ["wasm", "deno", "edges", "site", "web", "lint", "upgrade"].some((kind) =>
          wanted.includes(kind)
        )
      ) {
        await runAllOf([build]);
      }
      const chosen = others.filter(({ kind }) => wanted.includes(kind));
      const compiling = chosen.filter(({ isCompiling }) => isCompiling);
      const testing = chosen.filter(({ isCompiling }) => !isCompiling);
      // Two lanes side by side where there is memory for both: a compiler takes up to 2 GB, the stacks as much. The lane
      // that is done first helps the other.
      const lanes = [[...compiling, ...testing.toReversed()], [
        ...testing,
        ...compiling.toReversed(),
      ]];
      const hasMemory = Deno.systemMemoryInfo().available >= 6e9;
      await Promise.all((hasMemory ? lanes : lanes.slice(0, 1)).map(runAllOf));
      if (filter !== undefined && ran === 0) {
        throw new Error(`no test of ${wanted.join(", ")} has "${filter}" in its path or name`);
      }
      for (const suite of failed) console.log(`\n${suite}`);
      console.log(`\n${total.passed} passed, ${total.failed} failed`);
      if (total.failed > 0) Deno.exit(1);
    });
}
