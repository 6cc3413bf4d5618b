// `site`: a whole site in, its plan out. It uses the stack as an outside user would: the intake function, site_progress and
// get_site_report over REST.

import { createClient } from "npm:@supabase/supabase-js@2.119.1";
import { type Command, CommanderError, InvalidArgumentError, Option } from "npm:commander@15.1.0";
import { attachStack, startOrAttach } from "../../local/stack.ts";
import { madeByStandins } from "../analyze.ts";
import { ensureBuilt } from "../build.ts";
import { plain, plural } from "../report/text.ts";
import { say } from "../say.ts";
import { exitCodes, stop } from "./exit.ts";
import { write } from "./files.ts";
import { checkPaths, InputError, readInput } from "./input.ts";
import { call, findOrCreate, schedule, type Shown, type SiteOptions, sourceOf } from "./job.ts";
import { showOutcomes } from "./outcomes.ts";
import type { Progress, SitePlan } from "./plan.ts";
import { troubleOf, watch } from "./progress.ts";
import { renderTerminal } from "./terminal.ts";
import { stageNames } from "./text.ts";

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
