// `site`: a whole site in, its plan out. It uses the stack as an outside user would: the intake function, site_progress and
// get_site_report over REST.

import { createClient, type SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type { Answer, Args, FunctionName } from "../../functions/_shared/platform/database.ts";
import { type Command, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";
import { sha256 } from "../../local/paths.ts";
import { attachStack, type RunningStack, startOrAttach } from "../../local/stack.ts";
import { ensureBuilt } from "../build.ts";
import { say } from "../say.ts";
import { plain, plural } from "../report/text.ts";
import { rpc, RpcError } from "../rpc.ts";
import { madeByStandins } from "../analyze.ts";
import { renderCsv, renderRows } from "./csv.ts";
import { renderHtml } from "./html.ts";
import { checkPaths, type Input, InputError, maxUrls, readInput, type Rows } from "./input.ts";
import { briefsOf, renderMarkdown } from "./markdown.ts";
import type { Progress, SitePlan } from "./plan.ts";
import { troubleOf, watch } from "./progress.ts";
import { renderTerminal } from "./terminal.ts";
import { stageNames } from "./text.ts";

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
  const whole = (least: number, most: number) => (value: string) => {
    const parsed = value.trim() === "" ? NaN : Number(value);
    if (!Number.isInteger(parsed) || parsed < least || parsed > most) {
      throw new InvalidArgumentError(`a whole number from ${least} to ${most} is needed`);
    }
    return parsed;
  };
  const positive = (value: string) => {
    const parsed = Number(value);
    if (!(parsed > 0 && Number.isFinite(parsed))) {
      throw new InvalidArgumentError("a number above 0 is needed");
    }
    return parsed;
  };
  const job = (value: string) => {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) {
      throw new InvalidArgumentError("the id of a job is needed, as a run says it when it begins");
    }
    return value;
  };
  program.command("site [export]")
    .description("analyse a whole site: which page owns which topic, and the edits that pay most")
    .option("--sample", "the sample site: 32 pages of a coffee roaster")
    .option(
      "--property <property>",
      "pages that have Search Console rows: sc-domain:example.com or https://example.com/",
    )
    .option(
      "--sitemap <url>",
      "pages of a sitemap or a sitemap index, .gz as well; their queries must be known",
    )
    .option("--list <file>", "pages of a file: an address a line, or a table with a column of them")
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
    .option("--max-pages <count>", "pages at most (default 300)", whole(1, 10_000))
    .option(
      "--max-usd <dollars>",
      "leave out pages and drafts that this does not pay the models for",
      positive,
    )
    .option(
      "--max-age-hours <hours>",
      "how long a page without a modification time keeps its result (default 24)",
      whole(0, 8_760),
    )
    .option(
      "--period-days <days>",
      "days that the figures are of (default: the last 28 of dated rows, else 90)",
      whole(1, 500),
    )
    .option("--top <count>", "edits at most (default: all)", whole(1, 10_000))
    .option(
      "--drafts <count>",
      "have a language model draft the plan's first edits that want a text (write, extend, new page): 0 to 100 (default 0)",
      whole(0, 100),
    )
    .option("--priority <0-100>", "jobs with a higher one go first (default 0)", whole(0, 100))
    .option(
      "-o, --out <dir>",
      "write edits.csv, plan.md, plan.html, plan.json and briefs/ into this folder",
    )
    .option("--json", "print plan.json on stdout; everything else goes to stderr")
    .option(
      "--every <days>",
      "make the same job again every so many days, for pages that changed; 0: no longer",
      whole(0, 366),
    )
    .option(
      "--retry <job>",
      "try the failed pages of a job once more, or its missing drafts, and only those",
      job,
    )
    .option("--cancel <job>", "end a job; what was analysed is kept", job)
    .option(
      "--outcomes <job>",
      "whether the edits of a job that were made have paid (--out DIR: outcomes.csv)",
      job,
    )
    .option("--timeout <seconds>", "how long to wait for the job", positive, 3600)
    .addHelpText(
      "after",
      `
The export is a table of Search Console with pages and queries: CSV, or a ZIP of it, with page, query, clicks, impressions,
position, and date if there is one. What it holds is kept: --sitemap, --list and --property go by the queries of this and
earlier exports (also ./pageperfect gsc-import), and pages without any have no edits. Pages that have not changed are not
analysed again; a command that was interrupted goes on when it is started again.

stdout holds the plan and nothing else; with --json it is JSON, or empty when there is no plan.
Exit codes: 0 plan made, 1 the job failed or did not end in time (a plan is shown and written even when its drafts failed),
2 wrong options or input, 130 interrupted.`,
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
  const given = { ...options, file };
  const refuse = (error: unknown): never => {
    if (error instanceof InputError) stop(exitCodes.input, ...error.lines);
    throw error;
  };
  await checkPaths(given).catch(refuse);
  await ensureBuilt(say);
  const input = await readInput(given).catch(refuse);
  const interruption = new AbortController();
  const onInterrupt = () => {
    if (interruption.signal.aborted) Deno.exit(exitCodes.interrupted);
    interruption.abort();
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  const attached = await attachStack();
  if (!attached) say("starting the stack (./pageperfect up keeps one running)");
  const stack = attached ?? await startOrAttach({ instance: "default", report: say });
  try {
    const supabase = createClient(stack.apiUrl, stack.serviceRoleKey, {
      auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    });
    if (options.cancel !== undefined) {
      const answer: { status: string } = await call(supabase, "cancel_site_job", {
        p_job_id: options.cancel,
      });
      say(`job ${options.cancel}: ${answer.status}`);
      if (options.json) console.log(JSON.stringify(answer, null, 2));
      return;
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
          draft_count > 0
            ? `${plural(draft_count, "draft")} once more`
            : retried_count > 0
            ? `${plural(retried_count, "page")} once more`
            : "no page of it failed"
        }`,
      );
    } else {
      const source = await sourceOf(stack, input, options);
      shown = source.shown;
      if (interruption.signal.aborted) stop(exitCodes.interrupted, "interrupted, no job was made");
      jobId = await findOrCreate(stack, supabase, source.request, options);
      if (options.every !== undefined) await schedule(supabase, jobId, options.every);
    }
    const read = async (): Promise<Progress> =>
      await call(supabase, "site_progress", { p_job_id: jobId });
    const progress = await watch(read, options.timeout, interruption.signal);
    // The plan is made before its drafts, and worth reading without them.
    const isPlanned = progress.status === "completed" || progress.stage === "site_drafts";
    if (!isPlanned || interruption.signal.aborted) {
      explain(jobId, progress, interruption.signal.aborted, attached !== undefined);
    }
    const found: SitePlan = await call(supabase, "get_site_report", { p_job_id: jobId });
    const plan = rename(found, shown);
    if (found.drafts?.some(({ status }) => status === "written")) {
      plan.made_by_standins = madeByStandins(stack.realApis);
    }
    if (options.json) console.log(JSON.stringify(plan, null, 2));
    else console.log(renderTerminal(plan));
    if (options.out !== undefined) await write(plan, options.out);
    if (progress.status !== "completed") explain(jobId, progress, false, attached !== undefined);
  } catch (error) {
    if (error instanceof CommanderError || await isReachable(stack.apiUrl)) throw error;
    stop(
      exitCodes.job,
      "the stack was stopped meanwhile: start the same command again and it goes on",
    );
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    await stack.stop();
  }
}

/** Whether a stack is there; one that another command started ends with it. */
const isReachable = (apiUrl: string) =>
  fetch(apiUrl).then((response) => response.body?.cancel().then(() => true) ?? true, () => false);

/** Under which address the pages of a folder stand here, and what they are called. */
interface Shown {
  served?: string;
  base?: string;
}

interface Source {
  request: { site: Record<string, unknown> };
  shown: Shown;
}

/** What the request says of the pages; an export's rows are stored by then. */
async function sourceOf(
  stack: RunningStack,
  { rows, file, folder, files, urls }: Input,
  { sitemap, property }: SiteOptions,
): Promise<Source> {
  if (folder !== undefined) return await folderOf(stack, rows!, folder, files!);
  const pages = rows && await importRows(stack, rows);
  const site = urls !== undefined
    ? { urls }
    : sitemap !== undefined
    ? { sitemap }
    : property !== undefined
    ? { property }
    : { urls: mostSeen(pages!, file!) };
  return { request: { site }, shown: {} };
}

/** The pages of an export, as many as one request names. */
function mostSeen(impressions: Map<string, number>, file: string): string[] {
  const pages = [...impressions];
  if (pages.length <= maxUrls) return pages.map(([page]) => page);
  say(
    `${file}: of ${pages.length.toLocaleString("en")} pages the ${
      maxUrls.toLocaleString("en")
    } with the most impressions are looked at`,
  );
  return pages.sort(([, a], [, b]) => b - a).slice(0, maxUrls).map(([page]) => page);
}

/** Pages served from the stack under the addresses of an export; their contents' digests stand for modification times. */
async function folderOf(
  stack: RunningStack,
  rows: Rows,
  folder: string,
  files: string[],
): Promise<Source> {
  const served = await stack.serveFile(folder);
  let base: string | undefined;
  await importRows(stack, rows, (page) => {
    base ??= new URL(page).origin + "/";
    return page.startsWith(base) ? served + page.slice(base.length) : page;
  });
  const urls = await Promise.all(files.map(async (path) => ({
    url: served + path.slice(folder.length + 1).replace(/index\.html$/, ""),
    last_modified: sha256(await Deno.readFile(path)).slice(0, 16),
  })));
  return { request: { site: { urls } }, shown: { served, base } };
}

/** Stores the rows of an export under the addresses that `place` gives their pages; answers with each page's impressions. */
async function importRows(
  stack: RunningStack,
  rows: Rows,
  place = (page: string) => page,
): Promise<Map<string, number>> {
  const impressions = new Map<string, number>();
  for (let part = rows.next(5_000); part !== undefined; part = rows.next(5_000)) {
    for (const row of part) {
      row.page = place(row.page);
      impressions.set(row.page, (impressions.get(row.page) ?? 0) + row.impressions);
    }
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
  return impressions;
}

/** Fields of the intake's answer, as the user gave them here. */
const optionNames: Record<string, string> = {
  "site.sitemap": "--sitemap",
  "site.property": "--property",
  max_usd: "--max-usd",
};

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
  const { data, error } = await supabase.from("site_jobs").select("id,status")
    .eq("payload->>fingerprint", fingerprint).order("created_at", { ascending: false }).limit(1);
  if (error) throw new Error(`the jobs cannot be read: ${error.message}`);
  const [last] = data;
  if (last && ["queued", "processing"].includes(last.status)) {
    say(`going on with job ${last.id}`);
    return last.id;
  }
  const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${stack.serviceRoleKey}`,
      "content-type": "application/json",
    },
    // Commands that begin at the same time get one job.
    body: JSON.stringify({
      ...request,
      fingerprint,
      idempotency_key: `site ${fingerprint} after ${last?.id ?? "none"}`,
    }),
  });
  const text = await response.text();
  if (response.status === 202) {
    const { job_id } = JSON.parse(text);
    say(`job ${job_id}`);
    return job_id;
  }
  if (response.status === 400) {
    const { errors } = JSON.parse(text) as { errors: { field: string; message: string }[] };
    stop(
      exitCodes.input,
      ...errors.map(({ field, message }) => `${optionNames[field] ?? field}: ${plain(message)}`),
    );
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

function explain(
  jobId: string,
  progress: Progress,
  isInterrupted: boolean,
  isAttached: boolean,
): never {
  if (isInterrupted) {
    stop(
      exitCodes.interrupted,
      isAttached
        ? `interrupted; the job goes on: start the same command again to follow it, or end it with ./pageperfect site --cancel ${jobId}`
        : "interrupted; start the same command again and it goes on",
    );
  }
  const what = stageNames[progress.stage] ?? progress.stage;
  if (progress.status === "failed") {
    const { message = "no reason was given", code, retryable } = progress.error ?? {};
    stop(
      exitCodes.job,
      `the job failed while ${what}: ${plain(message)}`,
      ...progress.stage === "select_pages" ? advice(code, message) : [],
      // What cannot serve as it is will not serve the next time.
      ...progress.stage === "select_pages" && retryable === false
        ? []
        : [`try again: ./pageperfect site --retry ${jobId}`],
    );
  }
  const trouble = troubleOf(progress);
  stop(
    exitCodes.job,
    progress.status === "cancelled"
      ? "the job was cancelled; its pages are kept"
      : `the job is still ${what}: start the same command again and it goes on (--timeout waits longer)`,
    ...trouble === undefined ? [] : [`what holds it up: ${trouble}`],
  );
}

/** What a user can do about a site whose pages could not be chosen. */
function advice(code: string | undefined, message: string): string[] {
  if (/no search queries/.test(message)) {
    return [
      "with an export: ./pageperfect site export.csv --sitemap URL; or store it first: ./pageperfect gsc-import export.csv",
    ];
  }
  if (/^(http_4|invalid_sitemap|no_pages)/.test(code ?? "") && !message.startsWith("the list")) {
    return [
      "the site's robots.txt may name its sitemap (Sitemap: …); --list takes a file of addresses",
    ];
  }
  return [];
}

/** A folder's pages under the addresses that their export has. */
function rename(plan: SitePlan, { served, base }: Shown): SitePlan {
  if (!served || !base) return plan;
  return JSON.parse(JSON.stringify(plan).replaceAll(served, base));
}

async function write(plan: SitePlan, out: string) {
  const dir = out.replace(/\/+$/, "") || "/";
  const briefs = briefsOf(plan);
  try {
    // Of an earlier plan, what this one has no brief for.
    const before = await Deno.readTextFile(`${dir}/plan.json`).then(
      (text) => [...briefsOf(JSON.parse(text)).keys()],
      () => [],
    );
    await Deno.mkdir(`${dir}/briefs`, { recursive: true });
    for (const name of before.filter((name) => !briefs.has(name))) {
      await Deno.remove(`${dir}/briefs/${name}`).catch(() => {});
    }
    const files: [name: string, text: string][] = [
      ["edits.csv", renderCsv(plan)],
      ["plan.md", renderMarkdown(plan)],
      ["plan.html", renderHtml(plan)],
      ...[...briefs].map(([name, text]): [string, string] => [`briefs/${name}`, text]),
      ["plan.json", JSON.stringify(plan, null, 2) + "\n"],
    ];
    for (const [name, text] of files) await replaceFile(`${dir}/${name}`, text);
  } catch (error) {
    stop(exitCodes.job, `the plan cannot be written into ${dir}: ${(error as Error).message}`);
  }
  say(`wrote edits.csv, plan.md, plan.html, plan.json and ${briefs.size} briefs into ${dir}`);
}

/** Writes a file whole or not at all. */
async function replaceFile(path: string, text: string): Promise<void> {
  const part = `${path}.${Deno.pid}.part`;
  try {
    await Deno.writeTextFile(part, text);
    await Deno.rename(part, path);
  } catch (error) {
    await Deno.remove(part).catch(() => {});
    throw error;
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
    if (options.json) console.log("[]");
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
  await replaceFile(`${options.out}/outcomes.csv`, renderRows([header, ...rows]));
  say(`wrote ${options.out}/outcomes.csv`);
}
