// Where a site's job stands, as it is told while one waits.

import { columnsOf } from "../progress.ts";
import { cut } from "../report/terminal.ts";
import { about, dollars, plain, plural } from "../report/text.ts";
import { say } from "../say.ts";
import type { Chosen, Estimate, Progress } from "./plan.ts";
import { stageNames } from "./text.ts";

/** Shows where the job stands until it ends, `signal` says stop or the time is over. */
export async function watch(
  read: () => Promise<Progress>,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<Progress> {
  const isTerminal = Deno.stderr.isTerminal();
  const write = (text: string) => isTerminal && Deno.stderr.writeSync(encoder.encode(text));
  const deadline = Date.now() + timeoutSeconds * 1000;
  let before = "", toldEstimate = false;
  while (true) {
    const progress = await read();
    const chosen = progress.facts.select_pages;
    if (chosen && !toldEstimate) {
      toldEstimate = true;
      if (before) write("\r\x1b[K");
      say(estimate(chosen));
      for (const line of leftOut(chosen)) say(line);
    }
    const line = describe(progress);
    if (line !== before) {
      // A line that wraps could not be taken back.
      if (isTerminal) write(`\r\x1b[K${cut(line, columnsOf(80) - 1)}`);
      else say(line);
      before = line;
    }
    const isEnded = ["completed", "failed", "cancelled"].includes(progress.status);
    if (isEnded || signal.aborted || Date.now() > deadline) {
      write("\n");
      return progress;
    }
    await new Promise((resolve) => setTimeout(resolve, isTerminal ? 500 : 2_000));
  }
}

const encoder = new TextEncoder();

/** Parts of a sitemap index that the job goes on without. */
function leftOut({ left_out = [] }: Chosen): string[] {
  const most = 5;
  return [
    ...left_out.slice(0, most).map(({ url, message }) =>
      `left out: ${plain(message.includes(url) ? message : `${url}: ${message}`)}`
    ),
    ...left_out.length > most
      ? [`left out: ${left_out.length - most} more parts of the index`]
      : [],
  ];
}

/** What a stage failed at that will be tried again; undefined: nothing. */
export function troubleOf({ stage, stages }: Progress): string | undefined {
  const row = stages.find((row) => row.stage === stage);
  if (row?.status !== "queued" || row.next_retry_at === null || !row.last_error) return undefined;
  return `attempt ${row.attempt_count} of ${row.max_attempts}: ${
    plain(row.last_error.message ?? "no reason was given")
  }`;
}

/** What the run will take. */
export function estimate(
  {
    page_count,
    reused_count = 0,
    ceiling_count = 0,
    refused_count = 0,
    unseen_count = 0,
    estimate,
  }: Chosen,
): string {
  const { crawls, minutes, drafts } = estimate;
  const more = [
    reused_count > 0 ? `${reused_count} unchanged` : "",
    ceiling_count > 0 ? `${ceiling_count} beyond --max-usd` : "",
    unseen_count > 0 ? `${unseen_count} without search queries` : "",
    refused_count > 0 ? `besides, ${refused_count} that may not be crawled` : "",
  ].filter((part) => part !== "").join(", ");
  return `${plural(page_count, "page")}${more ? ` (${more})` : ""}: ${crawls} to crawl, ${
    cost(estimate) ?? "what they cost is known after the first pages"
  }${
    drafts?.count
      ? `; then ${plural(drafts.count, "draft")}, ${
        cost(drafts) ?? "what they cost is known after the first draft"
      }`
      : ""
  }; ${took(minutes)}`;
}

const took = (minutes: number) =>
  minutes < 1 ? "less than a minute" : `about ${plural(Math.round(minutes), "minute")}`;

function cost({ tokens, usd }: Pick<Estimate, "tokens" | "usd">): string | null {
  if (tokens === null) return null;
  return `about ${about(tokens)} tokens (${
    usd === null ? "no price is known" : usd > 0 ? dollars(usd) : "at no cost"
  })`;
}

/** Where it stands, in a line. */
export function describe(progress: Progress): string {
  const { status, stage, counts, minutes_left, drafts } = progress;
  const name = stageNames[stage] ?? stage;
  const trouble = troubleOf(progress);
  if (trouble !== undefined && status !== "failed") return `${name}: trying again after ${trouble}`;
  const ended = counts.done + counts.reused + counts.failed + counts.skipped;
  const left = `${took(minutes_left)} left`;
  const found = drafts?.answered ? `, ${drafts.answered} answered already` : "";
  if (status === "completed") {
    return `${counts.done + counts.reused}/${counts.total} pages, plan made${
      drafts?.wanted ? `, ${drafts.written} of ${plural(drafts.wanted, "draft")} written` : ""
    }${found}`;
  }
  if (stage === "site_drafts" && drafts) {
    const { wanted, written, skipped, failed } = drafts;
    const done = written + skipped + failed;
    return `drafting ${done}/${wanted}${failed > 0 ? `, ${failed} failed` : ""}${found}${
      done < wanted ? `, ${left}` : ""
    }`;
  }
  // None are known before they are chosen.
  if (counts.total === 0) return name;
  const parts = [`${ended}/${counts.total} pages`];
  if (counts.failed > 0) parts.push(`${counts.failed} failed`);
  if (stage === "analyse_pages" && counts.total > ended) parts.push(left);
  return `${name}: ${parts.join(", ")}`;
}
