// The analysed pages of a site's job, as the database hands them to Rust: chunk by chunk, as text that is never taken apart here; and
// what the site's stages keep there between one invocation and the next.
import * as v from "npm:valibot@1.5.0";
import { Status } from "../engine/expect.ts";
import { LeaseLost, type StageJob } from "../engine/lease.ts";
import type { StageContext } from "../engine/serve_stage.ts";
import { SitePlanner } from "../wasm/site.ts";

/** What the stages after the analysis begin with. */
export const SiteInput = v.object({
  page_count: v.number(),
  period_days: v.number(),
  period_end: v.string(),
});

const Chunk = v.object({ last: v.nullable(v.number()), pages: v.string() });

const AnswerChunk = v.object({ last: v.nullable(v.number()), answers: v.string() });

const PagePart = v.object({
  position: v.number(),
  page_id: v.string(),
  has_sketches: v.boolean(),
  /** base64 */
  part: v.nullable(v.string()),
});
type PagePart = v.InferOutput<typeof PagePart>;

/** Pages a request: some 30 KB of text each. */
const chunkPages = 20;
/** Of what was packed. */
const chunkParts = 25;

type Context = Pick<StageContext, "rpc" | "signal" | "budget">;
export type Work = { stage: string; job: StageJob; context: StageContext };

/** Hands over the pages that lack `part`, chunk by chunk, and pauses where the budget says so. */
export async function eachPageInput(
  { job, context: { rpc, signal, budget } }: Work,
  part: "summary" | "links",
  left: number,
  take: (pages: string) => Promise<void>,
): Promise<void> {
  for (let after = 0;;) {
    signal.throwIfAborted();
    const { last, pages } = await rpc("site_page_inputs", {
      p_job_id: job.job_id,
      p_part: part,
      p_after: after,
      p_limit: chunkPages,
    }, Chunk);
    if (last === null) return;
    await take(pages);
    after = last;
    // Positions rise, so what is left shrinks.
    if (budget.isSpent) budget.pause(left - after);
  }
}

/** Answers that were found on other pages: JSON of arrays of FoundElsewhere, chunk by chunk, always the same. */
export async function eachAnswer(
  { job, context: { rpc, signal } }: Work,
  take: (answers: string) => void,
): Promise<void> {
  for (let after = 0;;) {
    signal.throwIfAborted();
    const { last, answers } = await rpc("site_found_answers", {
      p_job_id: job.job_id,
      p_after: after,
      p_limit: chunkPages,
    }, AnswerChunk);
    if (last === null) return;
    take(answers);
    after = last;
  }
}

/** Every page's part, in the order of the site, from after a position on. */
export async function eachPagePart(
  { job, context: { rpc, signal } }: { job: StageJob; context: Context },
  part: "summary" | "sketches",
  take: (page: PagePart, index: number) => void | Promise<void>,
  { after = 0, limit = chunkParts } = {},
): Promise<void> {
  for (let index = 0;;) {
    signal.throwIfAborted();
    const pages = await rpc("site_page_parts", {
      p_job_id: job.job_id,
      p_part: part,
      p_after: after,
      p_limit: limit,
    }, v.array(PagePart));
    for (const page of pages) await take(page, index++);
    if (pages.length < limit) return;
    after = pages[pages.length - 1].position;
  }
}

/** Pages, summed up; all of them unless told which. To be freed. */
export async function readSummaries(
  work: { job: StageJob; context: Context },
  isWanted: (index: number) => boolean = () => true,
): Promise<SitePlanner> {
  const planner = new SitePlanner();
  try {
    await eachPagePart(work, "summary", (page, index) => {
      if (isWanted(index)) planner.push_summary(summaryOf(page));
    });
  } catch (error) {
    planner.free();
    throw error;
  }
  return planner;
}

/** @throws when it was not made */
export function summaryOf({ page_id, part }: PagePart): string {
  if (part === null) throw new Error(`page ${page_id} was not summed up`);
  return part;
}

/** @throws LeaseLost unless the database still held the stage's lease. */
export function held({ status }: { status: string }): void {
  if (status !== "held") throw new LeaseLost();
}

/** Keeps what was made of pages. */
export async function stagePages(
  pages: ({ page_id: string } & Record<string, unknown>)[],
  { stage, job, context }: Work,
): Promise<void> {
  held(
    await context.rpc("stage_site_pages", {
      p_stage: stage,
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_pages: pages,
    }, Status),
  );
}

/** Keeps a state under a name. */
export async function keep(
  name: string,
  state: string,
  { stage, job, context }: Work,
): Promise<void> {
  held(
    await context.rpc("stage_site_state", {
      p_stage: stage,
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_name: name,
      p_state: state,
    }, Status),
  );
}

/** What `keep` kept; null: nothing. */
export const kept = (name: string, { stage, job, context }: Work) =>
  context.rpc("site_state", {
    p_job_id: job.job_id,
    p_stage: stage,
    p_name: name,
  });
