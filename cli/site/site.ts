// `site`: a whole site in, its plan out. It uses the stack as an outside user would: the intake function, site_progress and
// get_site_report over REST.

import { createClient, type SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type { Answer, Args, FunctionName } from "../../functions/_shared/platform/database.ts";
import { type Command, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";
import { root, sha256 } from "../../local/paths.ts";
import { attachStack, type RunningStack, startStack } from "../../local/stack.ts";
import { ensureBuilt } from "../build.ts";
import { say } from "../say.ts";
import { plain, plural } from "../report/text.ts";
import { rpc, RpcError } from "../rpc.ts";
import { filesUnder } from "../../local/paths.ts";
import { madeByStandins } from "../analyze.ts";
import { renderCsv, renderRows } from "./csv.ts";
import { renderHtml } from "./html.ts";
import { renderBrief, renderMarkdown } from "./markdown.ts";
import type { Progress, SitePlan } from "./plan.ts";
import { watch } from "./progress.ts";
import { renderTerminal } from "./terminal.ts";
import { briefName, stageNames } from "./text.ts";

/** Exit codes: the job did not succeed; the command or its input is wrong; Ctrl-C. */
const exitCodes = { job: 1, input: 2, interrupted: 130 };

interface SiteOptions {
  sample?: boolean;
  property?: string;
  sitemap?: string;
  list?: string;
  folder?: string;
  select: string;
  maxPages?: number;
  maxUsd?: number;
  maxAgeHours?: number;
  periodDays?: number;
  top?: number;
  drafts?: number;
  priority?: number;
  out?: string;
  json?: boolean;
  retry?: string;
  cancel?: string;
  outcomes?: string;
  every?: number;
  timeout: number;
}

export function registerSite(program: Command) {
  const number = (value: string) => {
    const parsed = Number(value);
    if (value.trim() === "" || !Number.isFinite(parsed)) {
      throw new InvalidArgumentError("a number is needed");
    }
    return parsed;
  };
  const draftCount = (value: string) => {
    const parsed = value.trim() === "" ? NaN : Number(value);
    if (!Number.isInteger(parsed) || parsed < 0 || parsed > 100) {
      throw new InvalidArgumentError("a whole number from 0 to 100 is needed");
    }
    return parsed;
  };
  program.command("site [export]")
    .description("analyse a whole site: which page owns which topic, and the edits that pay most")
    .option("--sample", "the sample site: 32 pages of a coffee roaster")
    .option(
      "--property <property>",
      "pages that have Search Console rows: sc-domain:example.com or https://example.com/",
    )
    .option("--sitemap <url>", "pages of a sitemap or a sitemap index, .gz as well")
    .option("--list <file>", "pages of a file, an address a line")
    .option(
      "--folder <dir>",
      "take an export's pages from a folder (a site as it is built, one index.html a page) instead of the web",
    )
    .addOption(
      new Option("--select <how>", "which pages first, or which at all").choices([
        "impressions",
        "potential",
        "all",
        "changed",
      ]).default("impressions"),
    )
    .option("--max-pages <count>", "pages at most (default 300)", number)
    .option(
      "--max-usd <dollars>",
      "leave out pages and drafts that this does not pay the models for",
      number,
    )
    .option(
      "--max-age-hours <hours>",
      "how long a page without a modification time keeps its result (default 24)",
      number,
    )
    .option(
      "--period-days <days>",
      "days that the figures are of (default: the last 28 of dated rows, else 90)",
      number,
    )
    .option("--top <count>", "edits at most (default: all)", number)
    .option(
      "--drafts <count>",
      "have a language model draft the plan's first edits that want a text (write, extend, new page): 0 to 100 (default 0)",
      draftCount,
    )
    .option("--priority <0-100>", "jobs with a higher one go first (default 0)", number)
    .option(
      "-o, --out <dir>",
      "write edits.csv, plan.md, plan.html, plan.json and briefs/ into this folder",
    )
    .option("--json", "print plan.json on stdout; everything else goes to stderr")
    .option(
      "--every <days>",
      "make the same job again every so many days, for pages that changed; 0: no longer",
      number,
    )
    .option(
      "--retry <job>",
      "try the failed pages of a job once more, or its missing drafts, and only those",
    )
    .option("--cancel <job>", "end a job; what was analysed is kept")
    .option(
      "--outcomes <job>",
      "whether the edits of a job that were made have paid (--out DIR: outcomes.csv)",
    )
    .option("--timeout <seconds>", "how long to wait for the job", number, 3600)
    .addHelpText(
      "after",
      `
The export is a Search Console export with a page column (CSV with page, query, clicks, impressions, position, and date if
there is one). Pages that have not changed are not analysed again; a command that was interrupted goes on when it is
started again.

Exit codes: 0 plan made, 1 the job failed or did not end in time (a plan is shown and written even when its drafts failed),
2 wrong options or input.`,
    )
    .exitOverride((error) => {
      const code = error.exitCode === 0 ? 0 : exitCodes.input;
      throw new CommanderError(code, error.code, error.message);
    })
    .action(async (file: string | undefined, options: SiteOptions) => {
      await site(file, options);
    });
}

function stop(exitCode: number, ...lines: string[]): never {
  for (const line of lines) say(line);
  throw new CommanderError(exitCode, "pageperfect.site", lines[0]);
}

async function site(file: string | undefined, options: SiteOptions) {
  const sources = [
    ...[file, options.sample, options.property, options.sitemap, options.list],
    ...[options.retry, options.cancel, options.outcomes],
  ].filter((source) => source !== undefined);
  const isPair = file !== undefined && sources.length === 2 &&
    (options.sitemap ?? options.list ?? options.property) !== undefined;
  if (
    (sources.length !== 1 && !isPair) ||
    (options.folder !== undefined && (file === undefined || isPair))
  ) {
    stop(
      exitCodes.input,
      "name the site: an export, --property, --sitemap, --list, or --sample; an export may come with one of the three",
    );
  }
  const ending = options.retry ?? options.cancel ?? options.outcomes;
  if (options.every !== undefined && (options.sample || options.folder || ending)) {
    stop(
      exitCodes.input,
      "--every is for a site on the web: an export, --property, --sitemap or --list",
    );
  }
  if (options.drafts !== undefined && ending) {
    stop(exitCodes.input, "--drafts is for a new job: a job keeps what it was started with");
  }
  await checkPaths(file, options);
  await ensureBuilt(say);
  const interruption = new AbortController();
  const onInterrupt = () => {
    if (interruption.signal.aborted) Deno.exit(exitCodes.interrupted);
    interruption.abort();
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  const attached = await attachStack();
  if (!attached) say("starting the stack (./pageperfect up keeps one running)");
  const stack = attached ?? await startStack({ instance: "default", report: say });
  try {
    const supabase = createClient(stack.apiUrl, stack.serviceRoleKey, {
      auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    });
    if (options.cancel !== undefined) {
      const answer: { status: string } = await call(supabase, "cancel_site_job", {
        p_job_id: options.cancel,
      });
      return say(`job ${options.cancel}: ${answer.status}`);
    }
    if (options.outcomes !== undefined) {
      return await showOutcomes(supabase, options.outcomes, options);
    }
    let jobId = options.retry;
    let shown: Shown = {};
    if (jobId !== undefined) {
      const { retried_count, draft_count = 0 }: { retried_count: number; draft_count?: number } =
        await call(supabase, "retry_site_job", { p_job_id: jobId });
      say(
        `job ${jobId}: ${
          draft_count > 0 ? plural(draft_count, "draft") : plural(retried_count, "page")
        } once more`,
      );
    } else {
      const source = await readSource(stack, file, options);
      shown = source.shown;
      jobId = await findOrCreate(stack, supabase, source.request, options);
      if (options.every !== undefined) await schedule(supabase, jobId, options.every);
    }
    const read = async (): Promise<Progress> =>
      await call(supabase, "site_progress", { p_job_id: jobId });
    const progress = await watch(read, options.timeout, interruption.signal);
    // The plan is made before its drafts, and worth reading without them.
    const isPlanned = progress.status === "completed" || progress.stage === "site_drafts";
    if (!isPlanned || interruption.signal.aborted) {
      explain(jobId, progress, interruption.signal.aborted);
    }
    const found: SitePlan = await call(supabase, "get_site_report", { p_job_id: jobId });
    const plan = rename(found, shown);
    if (found.drafts?.some(({ status }) => status === "written")) {
      plan.made_by_standins = madeByStandins(stack.realApis);
    }
    if (options.json) console.log(JSON.stringify(plan, null, 2));
    else console.log(renderTerminal(plan));
    if (options.out !== undefined) await write(plan, options.out);
    if (progress.status !== "completed") explain(jobId, progress, false);
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    await stack.stop();
  }
}

/** What is wrong with files is told before anything is built, begun or paid for. */
async function checkPaths(file: string | undefined, { list, folder, out }: SiteOptions) {
  for (const path of [file, list, folder].filter((path) => path !== undefined)) {
    const { isDirectory } = await Deno.stat(path).catch((error) =>
      stop(exitCodes.input, `${path} cannot be read: ${(error as Error).message}`)
    );
    if (isDirectory !== (path === folder)) {
      stop(exitCodes.input, `${path} is ${isDirectory ? "a folder" : "no folder"}`);
    }
  }
  if (out === undefined) return;
  const isPossible = await Deno.stat(out).then(
    ({ isDirectory }) => isDirectory,
    (error) => error instanceof Deno.errors.NotFound,
  );
  if (!isPossible) stop(exitCodes.input, `--out ${out} is no folder and cannot become one`);
}

/** Under which address the pages of a folder stand here, and what they are called. */
interface Shown {
  served?: string;
  base?: string;
}

interface Source {
  request: { site: Record<string, unknown> };
  shown: Shown;
}

async function readSource(
  stack: RunningStack,
  file: string | undefined,
  options: SiteOptions,
): Promise<Source> {
  if (options.sample) {
    return await readFolder(stack, `${root}/cli/sample-site/export.csv`, `${root}/cli/sample-site`);
  }
  if (file !== undefined && options.folder !== undefined) {
    return await readFolder(stack, file, await Deno.realPath(options.folder));
  }
  if (file !== undefined) {
    const pages = await importRows(stack, await readExport(file), file);
    if (options.sitemap === undefined && options.list === undefined && !options.property) {
      return { request: { site: { urls: pages } }, shown: {} };
    }
  }
  if (options.sitemap !== undefined) {
    return { request: { site: { sitemap: options.sitemap } }, shown: {} };
  }
  if (options.list !== undefined) {
    const text = await Deno.readTextFile(options.list).catch((error) =>
      stop(exitCodes.input, `${options.list} cannot be read: ${(error as Error).message}`)
    );
    const urls = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "");
    return { request: { site: { urls } }, shown: {} };
  }
  return { request: { site: { property: options.property } }, shown: {} };
}

const readExport = (file: string) =>
  Deno.readFile(file).catch((error) =>
    stop(exitCodes.input, `${file} cannot be read: ${(error as Error).message}`)
  );

/** Pages served from the stack under the addresses of an export; their contents' digests stand for modification times. */
async function readFolder(stack: RunningStack, file: string, folder: string): Promise<Source> {
  const csv = new TextDecoder().decode(await readExport(file));
  const base = /https?:\/\/[^/\s,;"]+\//.exec(csv)?.[0];
  if (base === undefined) stop(exitCodes.input, `${file} names no page`);
  const files = (await filesUnder(folder, "index.html")).sort();
  if (files.length === 0) stop(exitCodes.input, `${folder} has no page: an index.html each`);
  const served = await stack.serveFile(folder);
  await importRows(stack, new TextEncoder().encode(csv.replaceAll(base, served)), file);
  const urls = await Promise.all(files.map(async (path) => ({
    url: served + path.slice(folder.length + 1).replace(/index\.html$/, ""),
    last_modified: sha256(await Deno.readFile(path)).slice(0, 16),
  })));
  return { request: { site: { urls } }, shown: { served, base } };
}

/** Stores the rows of an export and answers with the pages that it names. */
async function importRows(stack: RunningStack, csv: Uint8Array, name: string): Promise<string[]> {
  // A generated module: it need not exist when this one is loaded.
  const module = new URL("../../functions/_shared/wasm/gsc.ts", import.meta.url).href;
  const { SearchConsoleRows } = await import(module);
  let rows;
  try {
    rows = new SearchConsoleRows(csv);
  } catch (error) {
    stop(exitCodes.input, `${name}, ${plain((error as Error).message)}`);
  }
  for (const warning of rows.warnings) say(`${name}: ${plain(warning)}`);
  const pages = new Set<string>();
  for (let part = rows.next(5_000); part !== undefined; part = rows.next(5_000)) {
    for (const { page } of part) pages.add(page);
    const response = await fetch(`${stack.apiUrl}/rest/v1/rpc/upsert_gsc_rows`, {
      method: "POST",
      headers: {
        "apikey": stack.secretKey,
        "authorization": `Bearer ${stack.serviceRoleKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ p_rows: part }),
    });
    if (!response.ok) {
      stop(
        exitCodes.job,
        `the rows were not stored: ${plain(await response.text()).slice(0, 300)}`,
      );
    }
    await response.body?.cancel();
  }
  return [...pages];
}

/** An open job of the very same request is gone on with: the command was interrupted. */
async function findOrCreate(
  stack: RunningStack,
  supabase: SupabaseClient,
  source: { site: Record<string, unknown> },
  options: SiteOptions,
): Promise<string> {
  const request = {
    ...source,
    select: options.select,
    max_pages: options.maxPages,
    max_usd: options.maxUsd,
    max_age_hours: options.maxAgeHours,
    period_days: options.periodDays,
    top: options.top,
    drafts: options.drafts || undefined,
    priority: options.priority,
  };
  const fingerprint = sha256(JSON.stringify(request)).slice(0, 32);
  const open = await supabase.from("site_jobs").select("id").in("status", ["queued", "processing"])
    .eq("payload->>fingerprint", fingerprint).limit(1);
  if (open.error) throw new Error(`the jobs cannot be read: ${open.error.message}`);
  if (open.data.length > 0) {
    say(`going on with job ${open.data[0].id}`);
    return open.data[0].id;
  }
  const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${stack.serviceRoleKey}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ ...request, fingerprint }),
  });
  const text = await response.text();
  if (response.status === 202) {
    const { job_id } = JSON.parse(text);
    say(`job ${job_id}`);
    return job_id;
  }
  if (response.status === 400) {
    const { errors } = JSON.parse(text) as { errors: { field: string; message: string }[] };
    stop(exitCodes.input, ...errors.map(({ field, message }) => `${field}: ${plain(message)}`));
  }
  return stop(
    exitCodes.job,
    `the job was not accepted: HTTP ${response.status} ${plain(text).slice(0, 300)}`,
    `the functions' logs are in ${stack.logsDir}`,
  );
}

async function call<Name extends FunctionName, InJson>(
  supabase: SupabaseClient,
  name: Name,
  args: Args<Name>,
): Promise<Answer<Name, InJson>> {
  try {
    return await rpc(supabase, name, args);
  } catch (error) {
    if (error instanceof RpcError && ["P0002", "22P02"].includes(error.code)) {
      stop(exitCodes.input, plain(error.message));
    }
    throw error;
  }
}

async function schedule(supabase: SupabaseClient, jobId: string, everyDays: number) {
  try {
    const answer: { status: string; every_days: number; next_at: string } = await rpc(
      supabase,
      "schedule_site",
      // The generated types know no null; null ends a schedule.
      { p_job_id: jobId, p_every_days: everyDays === 0 ? null as unknown as number : everyDays },
    );
    say(
      answer.status === "scheduled"
        ? `again every ${answer.every_days} days, next on ${answer.next_at.slice(0, 10)}`
        : "not made again by itself",
    );
  } catch (error) {
    if (error instanceof RpcError && error.code === "22023") {
      stop(exitCodes.input, plain(error.message.replace("schedule_site", "--every")));
    }
    throw error;
  }
}

function explain(jobId: string, progress: Progress, isInterrupted: boolean): never {
  if (isInterrupted) {
    stop(exitCodes.interrupted, "interrupted; start the same command again and it goes on");
  }
  if (progress.status === "failed") {
    stop(
      exitCodes.job,
      `the job failed while ${stageNames[progress.stage] ?? progress.stage}: ${
        plain(progress.error?.message ?? "no reason was given")
      }`,
      `try again: ./pageperfect site --retry ${jobId}`,
    );
  }
  stop(
    exitCodes.job,
    progress.status === "cancelled"
      ? "the job was cancelled; its pages are kept"
      : `the job is still ${
        stageNames[progress.stage] ?? `at ${progress.stage}`
      }: start the same command again and it goes on`,
  );
}

/** A folder's pages under the addresses that their export has. */
function rename(plan: SitePlan, { served, base }: Shown): SitePlan {
  if (!served || !base) return plan;
  return JSON.parse(JSON.stringify(plan).replaceAll(served, base));
}

async function write(plan: SitePlan, out: string) {
  const dir = out.replace(/\/+$/, "") || "/";
  try {
    await Deno.mkdir(`${dir}/briefs`, { recursive: true });
    const files: Record<string, string> = {
      "edits.csv": renderCsv(plan),
      "plan.md": renderMarkdown(plan),
      "plan.html": renderHtml(plan),
      "plan.json": JSON.stringify(plan, null, 2) + "\n",
    };
    for (const { page_id, url } of plan.pages) {
      const brief = renderBrief(plan, page_id);
      if (brief !== undefined) files[`briefs/${briefName(plan, url)}`] = brief;
    }
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${dir}/${name}`, text);
    }
    say(
      `wrote edits.csv, plan.md, plan.html, plan.json and ${
        Object.keys(files).length - 4
      } briefs into ${dir}`,
    );
  } catch (error) {
    stop(exitCodes.input, `the plan cannot be written into ${dir}: ${(error as Error).message}`);
  }
}

interface Outcome {
  kind: string;
  url: string;
  label: string;
  made_at: string;
  window_days: number;
  is_over: boolean;
  clicks?: { before: number; after: number };
  impressions?: { before: number; after: number };
  position_before?: number | null;
  position_after?: number | null;
  controls?: { before: number; after: number }[];
}

/** Clicks of the edits that were made, against the pages that nobody edited. */
async function showOutcomes(supabase: SupabaseClient, jobId: string, options: SiteOptions) {
  const outcomes: Outcome[] = await call(supabase, "site_outcomes", { p_job_id: jobId });
  if (outcomes.length === 0) {
    return say("no edit of this plan was made yet: run the site again when pages have changed");
  }
  // A generated module: it need not exist when this one is loaded.
  const module = new URL("../../functions/_shared/wasm/site.ts", import.meta.url).href;
  const { measure_effect } = await import(module);
  const lines: string[] = [];
  const rows = outcomes.map((outcome) => {
    const effect = outcome.is_over ? measure_effect(outcome.clicks, outcome.controls) : null;
    const change = !outcome.is_over
      ? "not measured yet"
      : effect === null
      ? "too few clicks or untouched pages to tell"
      : `${effect.extra >= 0 ? "+" : ""}${Math.round(effect.extra)} clicks (95 % between ${
        Math.round(effect.extra_low)
      } and ${Math.round(effect.extra_high)})`;
    lines.push(
      `${outcome.kind.padEnd(9)} ${String(outcome.window_days).padStart(2)} days  ${
        plain(outcome.url)
      }  ${plain(outcome.label)}: ${change}`,
    );
    return [
      ...[outcome.kind, outcome.url, outcome.label, outcome.made_at, outcome.window_days],
      ...[outcome.clicks?.before ?? "", outcome.clicks?.after ?? ""],
      ...[outcome.impressions?.before ?? "", outcome.impressions?.after ?? ""],
      ...[outcome.position_before ?? "", outcome.position_after ?? ""],
      ...[effect?.factor ?? "", effect?.low ?? "", effect?.high ?? "", effect?.extra ?? ""],
      effect?.control_count ?? "",
    ];
  });
  if (options.json) console.log(JSON.stringify(outcomes, null, 2));
  else console.log(lines.join("\n"));
  if (options.out === undefined) return;
  const header = [
    ...["Kind", "Page", "Topic", "Made", "Days", "Clicks before", "Clicks after"],
    ...["Impressions before", "Impressions after", "Position before", "Position after"],
    ...["Factor", "Factor low", "Factor high", "Extra clicks", "Untouched pages"],
  ];
  await Deno.mkdir(options.out, { recursive: true });
  await Deno.writeTextFile(`${options.out}/outcomes.csv`, renderRows([header, ...rows]));
  say(`wrote ${options.out}/outcomes.csv`);
}
