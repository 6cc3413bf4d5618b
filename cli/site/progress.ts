// Where a site's job stands, as it is told while one waits.

import { about, dollars, plural } from "../report/text.ts";
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
  const deadline = Date.now() + timeoutSeconds * 1000;
  let before = "", toldEstimate = false;
  while (true) {
    const progress = await read();
    const chosen = progress.facts.select_pages;
    if (chosen && !toldEstimate) {
      toldEstimate = true;
      if (isTerminal && before) Deno.stderr.writeSync(new TextEncoder().encode("\r\x1b[K"));
      say(estimate(chosen));
    }
    const line = describe(progress);
    if (line !== before) {
      if (isTerminal) Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));
      else say(line);
      before = line;
    }
    const isEnded = ["completed", "failed", "cancelled"].includes(progress.status);
    if (isEnded || signal.aborted || Date.now() > deadline) {
      if (isTerminal) Deno.stderr.writeSync(new TextEncoder().encode("\n"));
      return progress;
    }
    await new Promise((resolve) => setTimeout(resolve, isTerminal ? 500 : 2_000));
  }
}

/** What the run will take. */
export function estimate(
  { page_count, reused_count = 0, ceiling_count = 0, refused_count = 0, estimate }: Chosen,
): string {
  const { crawls, minutes, drafts } = estimate;
  const more = [
    reused_count > 0 ? `${reused_count} unchanged` : "",
    ceiling_count > 0 ? `${ceiling_count} beyond --max-usd` : "",
    refused_count > 0 ? `${refused_count} that may not be crawled` : "",
  ].filter((part) => part !== "").join(", ");
  const took = minutes < 1
    ? "less than a minute"
    : `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
  return `${plural(page_count, "page")}${more ? ` (${more})` : ""}: ${crawls} to crawl, ${
    cost(estimate) ?? "what they cost is known after the first pages"
  }${
    drafts?.count
      ? `; then ${plural(drafts.count, "draft")}, ${
        cost(drafts) ?? "what they cost is known after the first draft"
      }`
      : ""
  }; ${took}`;
}

function cost({ tokens, usd }: Pick<Estimate, "tokens" | "usd">): string | null {
  if (tokens === null) return null;
  return `about ${about(tokens)} tokens (${
    usd === null ? "no price is known" : usd > 0 ? dollars(usd) : "at no cost"
  })`;
}

/** Where it stands, in a line. */
export function describe({ status, stage, counts, minutes_left, drafts }: Progress): string {
  const ended = counts.done + counts.reused + counts.failed + counts.skipped;
  const left = `about ${minutes_left} min left`;
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
  const parts = [`${ended}/${counts.total} pages`];
  if (counts.failed > 0) parts.push(`${counts.failed} failed`);
  if (stage === "analyse_pages" && counts.total > ended) parts.push(left);
  return `${stageNames[stage] ?? stage}: ${parts.join(", ")}`;
}
