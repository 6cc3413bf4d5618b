// `analyze`: a page and its search queries in, the report out. It uses the stack as an outside user
// would: the intake function, the tables over REST, `get_pageperfect_report`.

import { createClient } from "npm:@supabase/supabase-js@2.119.1";
import { type Command, CommanderError, InvalidArgumentError } from "npm:commander@15.1.0";
import {
  attachStack,
  keysUnknownTo,
  type RealApi,
  type RunningStack,
  startOrAttach,
} from "../local/stack.ts";
import { ensureBuilt } from "./build.ts";
import { mayColor, reportWidth, watchJob } from "./progress.ts";
import { buildReport, type Report, type RunContext } from "./report/report.ts";
import type { JobResult } from "./report/result.ts";
import { renderTerminal } from "./report/terminal.ts";
import { plain } from "./report/text.ts";
import { readResult, writeFiles } from "./report_files.ts";
import { say } from "./say.ts";
import { csvFiles, isZip } from "./zip.ts";

/** Exit codes: the job did not succeed; the command or its input is wrong; Ctrl-C. */
const exitCodes = { job: 1, input: 2, interrupted: 130 };

export interface AnalyzeOptions {
  keywords: string;
  json?: boolean;
  out?: string;
  draft: boolean;
  drafts?: number;
  outline?: boolean;
  verify?: boolean;
  eps?: number;
  minPoints?: number;
  maxClusterSize?: number;
  exact?: boolean;
  threshold?: number;
  top?: number;
  brand?: string[];
  method?: string;
  fast?: boolean;
  priority?: number;
  premium?: boolean;
  ultraPremium?: boolean;
  render?: boolean;
  timeout: number;
}

interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

export function registerAnalyze(program: Command) {
  addAnalysisOptions(
    program.command("analyze <url-or-file>")
      .description("find what people search for and a page does not answer")
      .requiredOption(
        "-k, --keywords <file>",
        "the page's queries: a CSV as Search Console exports it",
      ),
  )
    .option("-o, --out <dir>", "also write the report into this folder: Markdown, HTML, CSV, JSON")
    .addHelpText(
      "after",
      `
The CSV is Queries.csv of a Search Console export (Performance, filtered by the page), with the columns
Top queries, Clicks, Impressions, CTR, Position; the API's names and any order do as well.

Exit codes: 0 report made, 1 the job failed or did not end in time, 2 wrong options or input.`,
    )
    .action(async (target: string, options: AnalyzeOptions) => {
      await publish(await analyze(target, options), options);
    });
}

/** The options that `analyze` and `demo` share; wrong ones end with exit code 2. */
export function addAnalysisOptions(command: Command): Command {
  const number = (value: string) => {
    const parsed = Number(value);
    if (value.trim() === "" || !Number.isFinite(parsed)) {
      throw new InvalidArgumentError("a number is needed");
    }
    return parsed;
  };
  return command
    .option("--json", "print report.json on stdout; everything else goes to stderr")
    .option("--no-draft", "write no draft")
    .option("--drafts <count>", "recommendations to draft, the first ones (default 1)", number)
    .option("--outline", "draft what a section has to say, not its text")
    .option("--verify", "have a language model read the page for every recommendation")
    .option("--no-verify", "do not; without either it does so where one is configured")
    .option("--eps <distance>", "DBSCAN's radius as cosine distance (default 0.3)", number)
    .option("--min-points <count>", "queries that make a cluster (default 2)", number)
    .option(
      "--max-cluster-size <count>",
      "split clusters with more queries (default: none)",
      number,
    )
    .option(
      "--exact",
      "compare all pairs of queries, also of 2,048 and more (default: likely ones)",
    )
    .option("--threshold <similarity>", "a query covered less is open (default 0.7)", number)
    .option("--top <count>", "recommendations at most (default 10)", number)
    .option(
      "--brand <name>",
      "a name people look for the site by, besides those that the page tells; may be repeated",
      (name: string, names: string[] = []) => [...names, name],
    )
    .option("--method <name>", "calibrated (default) or cosine, the plain similarity")
    .option("--fast", "embed offline with a table of words instead of a model; English only")
    .option("--priority <0-100>", "jobs with a higher one go first (default 0)", number)
    .option("--premium", "crawl through ScraperAPI's premium proxies")
    .option("--ultra-premium", "crawl through ScraperAPI's ultra premium proxies")
    .option("--render", "let ScraperAPI run the page's JavaScript")
    .option("--timeout <seconds>", "how long to wait for the job", number, 900)
    .exitOverride((error) => {
      const code = error.exitCode === 0 ? 0 : exitCodes.input;
      throw new CommanderError(code, error.code, error.message);
    });
}

/** Prints `lines` for the user and ends the command. */
function stop(exitCode: number, ...lines: string[]): never {
  for (const line of lines) say(line);
  throw new CommanderError(exitCode, "pageperfect.analyze", lines[0]);
}

function inputError(...lines: string[]): never {
  stop(exitCodes.input, ...lines);
}

/** What `analyze` hands to `publish`. */
export interface Analysis {
  report: Report;
  /** Why the job failed after the gaps were found; empty when it did not. */
  failure: string[];
}

/** Runs one analysis to its end. Every error is told and carries its exit code. */
export async function analyze(target: string, options: AnalyzeOptions): Promise<Analysis> {
  const page = await readTarget(target);
  const csv = await readFile(options.keywords, "--keywords");
  await ensureBuilt(say);
  const { keywords, warnings } = await parseKeywords(csv, options.keywords, page.url);

  const interruption = new AbortController();
  const onInterrupt = () => {
    if (interruption.signal.aborted) Deno.exit(exitCodes.interrupted);
    interruption.abort();
  };
  Deno.addSignalListener("SIGINT", onInterrupt);
  const attached = await attachStack();
  if (!attached) say("starting the stack (./pageperfect up keeps one running)");
  else if (options.fast) {
    say(
      `the running stack embeds with ${attached.embedding.model}; --fast is for ./pageperfect up`,
    );
  }
  const stack = attached ?? await startOrAttach({
    instance: "default",
    offlineModel: options.fast ? "static" : "encoder",
    report: say,
  });
  const unknown = attached ? keysUnknownTo(attached) : [];
  if (unknown.length > 0) {
    say(
      `${
        unknown.join(" and ")
      }: not used, since the running stack was started without; ./pageperfect down, then again`,
    );
  }
  try {
    const url = page.file ? await stack.serveFile(page.file) : page.url!;
    const supabase = createClient(stack.apiUrl, stack.serviceRoleKey, {
      auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    });
    if (interruption.signal.aborted) stop(exitCodes.interrupted, "interrupted, no job was made");
    const jobId = await createJob(stack, url, keywords, options);
    say(`job ${jobId}`);
    const { status } = await watchJob(supabase, jobId, {
      timeoutSeconds: options.timeout,
      signal: interruption.signal,
    });
    const lookAgain = (attached ? "" : "./pageperfect up --detach, then ") +
      `./pageperfect status ${jobId}`;
    if (interruption.signal.aborted && status !== "completed") {
      stop(
        exitCodes.interrupted,
        attached
          ? "interrupted; the job goes on"
          : "interrupted; the stack stops, and the job goes on when it runs again",
        `look at it with ${lookAgain}`,
      );
    }
    const result = await readResult(supabase, jobId);
    const report = buildReport(result, {
      source: page.file,
      madeByStandins: madeByStandins(stack.realApis),
      warnings: warnings.map((warning) => `${options.keywords}: ${warning}`),
    });
    if (status === "completed") return { report, failure: [] };
    const failure = explainFailure(result, status, options, lookAgain);
    // The gaps are known by then, and worth reading without a draft.
    if (status === "failed" && result.job.stage === "rewrite_draft") return { report, failure };
    return stop(exitCodes.job, ...failure);
  } finally {
    Deno.removeSignalListener("SIGINT", onInterrupt);
    await stack.stop();
  }
}

/** What stand-ins made, of all that can be real. */
export function madeByStandins(realApis: RealApi[]): RunContext["madeByStandins"] {
  return (["embeddings", "drafts"] as const).filter((name) => !realApis.includes(name));
}

/** Prints the report, writes its files where they are wanted, tells a failure. */
export async function publish(
  { report, failure }: Analysis,
  options: { json?: boolean; out?: string },
): Promise<void> {
  if (options.json) console.log(JSON.stringify(report, null, 2));
  else {
    console.log(renderTerminal(report, { width: reportWidth(), color: mayColor(Deno.stdout) }));
  }
  if (options.out !== undefined) await writeReport(report, options.out);
  if (failure.length > 0) stop(exitCodes.job, ...failure);
}

async function writeReport(report: Report, out: string): Promise<void> {
  let written: string[];
  try {
    written = await writeFiles(report, out);
  } catch (error) {
    inputError(`the report cannot be written into ${out}: ${(error as Error).message}`);
  }
  say(`wrote ${written.join(", ")}`);
}

/** What to analyse: a URL as it was given (intake judges it), or the full path of a local file. */
async function readTarget(target: string): Promise<{ url?: string; file?: string }> {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return { url: target };
  const stat = await Deno.stat(target).catch(() => undefined);
  if (!stat) {
    const looksLikeHost = /^[\w-]+(\.[\w-]+)+(\/|$)/.test(target) && !/\.x?html?$/i.test(target);
    inputError(
      `there is no file ${target}`,
      ...looksLikeHost ? [`for a page on the web give the whole URL: https://${target}`] : [],
    );
  }
  let file = await Deno.realPath(target);
  if (stat.isDirectory) {
    file = `${file}/index.html`;
    if (!(await Deno.stat(file).catch(() => undefined))?.isFile) {
      inputError(`${target} is a folder without an index.html: name the page`);
    }
  }
  // Which files are HTML is told by their names, as on a web server.
  if (!/\.(x?html?)$/i.test(file) && !/\.[^/]+$/.test(file)) {
    inputError(`${target} has no extension: an HTML page is named .html`);
  }
  return { file };
}

async function readFile(path: string, option: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      inputError(
        `${option}: there is no file ${path}`,
        "Search Console: Performance → filter by the page → Export → CSV; Queries.csv in the ZIP is the file",
      );
    }
    return inputError(`${option}: ${path} cannot be read: ${(error as Error).message}`);
  }
}

interface ParsedKeywords {
  keywords: Keyword[];
  warnings: string[];
}

/** The queries of a CSV file, or of the one in a ZIP that holds them; of several pages those of `url`. */
async function parseKeywords(
  bytes: Uint8Array,
  path: string,
  url: string | undefined,
): Promise<ParsedKeywords> {
  // A generated module: it need not exist when this one is loaded.
  const module = new URL("../functions/_shared/wasm/gsc.ts", import.meta.url).href;
  const gsc: { parse_csv(bytes: Uint8Array, page?: string): ParsedKeywords } = await import(module);
  let parsed: ParsedKeywords | undefined;
  if (isZip(bytes)) {
    parsed = firstWithQueries(unzip(bytes, path), (csv) => gsc.parse_csv(csv, url));
    if (parsed === undefined) {
      inputError(`${path} holds no CSV file of queries, such as Queries.csv`);
    }
  } else {
    try {
      parsed = gsc.parse_csv(bytes, url);
    } catch (error) {
      return inputError(`${path}, ${plain((error as Error).message)}`);
    }
  }
  if (parsed.keywords.length === 0) {
    inputError(`${path} has no queries: is it Queries.csv of the export?`);
  }
  return parsed;
}

function unzip(bytes: Uint8Array, path: string): Uint8Array[] {
  try {
    return csvFiles(bytes);
  } catch (error) {
    return inputError(`${path} cannot be unpacked: ${(error as Error).message}`);
  }
}

function firstWithQueries(
  files: Uint8Array[],
  parse: (csv: Uint8Array) => ParsedKeywords,
): ParsedKeywords | undefined {
  for (const file of files) {
    try {
      const parsed = parse(file);
      if (parsed.keywords.length > 0) return parsed;
    } catch { /* another report of the export */ }
  }
  return undefined;
}

/** Fields of the intake's answer, as the user gave them here. */
const optionNames: Record<string, string> = {
  url: "the URL",
  priority: "--priority",
  premium: "--premium",
  ultra_premium: "--ultra-premium",
  render: "--render",
  "parameters.eps": "--eps",
  "parameters.min_points": "--min-points",
  "parameters.max_cluster_size": "--max-cluster-size",
  "parameters.exact": "--exact",
  "parameters.similarity_threshold": "--threshold",
  "parameters.top": "--top",
  "parameters.brand": "--brand",
  "parameters.method": "--method",
  "parameters.drafts": "--drafts",
};

async function createJob(
  stack: RunningStack,
  url: string,
  keywords: Keyword[],
  options: AnalyzeOptions,
): Promise<string> {
  const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${stack.serviceRoleKey}`,
      "content-type": "application/json",
    },
    // What is undefined is left out of the JSON, and intake fills in its default.
    body: JSON.stringify({
      url,
      keywords,
      priority: options.priority,
      premium: options.premium,
      ultra_premium: options.ultraPremium,
      render: options.render,
      generate_draft: options.draft,
      parameters: {
        eps: options.eps,
        min_points: options.minPoints,
        max_cluster_size: options.maxClusterSize,
        exact: options.exact,
        similarity_threshold: options.threshold,
        top: options.top,
        brand: options.brand,
        method: options.method,
        drafts: options.drafts,
        draft_form: options.outline ? "outline" : undefined,
        verify: options.verify,
      },
    }),
  });
  const text = await response.text();
  let answer: { job_id?: string; errors?: { field: string; message: string }[] };
  try {
    answer = JSON.parse(text);
  } catch {
    answer = {};
  }
  if (response.status === 202 && answer.job_id) return answer.job_id;
  if (response.status === 400 && answer.errors) {
    const lines = answer.errors.map(({ field, message }) => {
      const name = optionNames[field] ??
        (field.startsWith("keywords") ? `${options.keywords}: ${field}` : field);
      return `${name}: ${plain(message)}`;
    });
    inputError(
      ...lines,
      ...answer.errors.some(({ field }) => field === "url") ? adviceForUrl : [],
    );
  }
  return stop(
    exitCodes.job,
    `the job was not accepted: HTTP ${response.status} ${plain(text).slice(0, 300)}`,
    `the functions' logs are in ${stack.logsDir}`,
  );
}

const adviceForUrl = [
  "give an http or https URL that anybody can open, or a file: ./page.html",
];

/** What a user can do about an error, by its code. */
function advice(code: string): string[] {
  if (code === "not_html") {
    return ["give the URL of a web page, or save the text as .html and give that file"];
  }
  if (code === "too_large") return ["save the page, cut what is not its text, and give that file"];
  if (code === "soft_404") return ["open the URL in a browser: is it spelt right?"];
  if (["empty_page", "app_shell", "bot_wall", "consent_wall", "meta_refresh"].includes(code)) {
    return [
      "if scripts make its text: save it in a browser as .html and give that file, or set SCRAPER_API_KEY and add --render",
    ];
  }
  if (/^http_(401|403|429|451)$/.test(code)) {
    return [
      "the site turns crawlers away: save the page in a browser as .html and give that file, or set SCRAPER_API_KEY",
    ];
  }
  if (code === "robots_disallowed") {
    return [
      "the site's robots.txt asks crawlers to leave the page alone: if it is your page, allow PagePerfect there, or save it as .html and give that file",
    ];
  }
  if (/^scraper_/.test(code)) return ["see SCRAPER_API_KEY's account, or leave the key out"];
  if (code === "dns_not_found") return ["no site has this name: is the URL spelt right?"];
  if (/^http_4/.test(code)) return ["open the URL in a browser: is it spelt right?"];
  if (/^(http_5|dns_|connection_|timeout|certificate_|crawl_timeout|robots_)/.test(code)) {
    return ["open the URL in a browser: is it spelt right, and is the site up?"];
  }
  if (/address|scheme|host|url/.test(code)) return adviceForUrl;
  if (/^draft_/.test(code)) return ["--no-draft makes the report without it"];
  return [];
}

/** Why there is no finished job and what to do, a line each. */
function explainFailure(
  result: JobResult,
  status: string,
  options: AnalyzeOptions,
  lookAgain: string,
): string[] {
  const stage = result.job.stage ?? "the job";
  if (status !== "failed") {
    const lines = status === "cancelled"
      ? [`the job was cancelled at ${stage}`]
      : [`the job is still at ${stage} after ${options.timeout} s (--timeout waits longer)`];
    return [...lines, `look at it with ${lookAgain}`];
  }
  const letter = result.dead_letters.at(-1);
  const details = (letter?.error_details ?? result.job.error ?? {}) as {
    message?: string;
    code?: string;
  };
  return [
    `${stage} failed: ${plain(details.message ?? letter?.reason ?? "no reason was recorded")}`,
    ...details.code ? advice(details.code) : [],
    ...letter ? [`dead letter: ${plain(letter.reason)}`] : [],
    `look at it with ${lookAgain}`,
  ];
}
