// Site stage 4: which topics are one; owners and edits of the whole site, ranked; then its links, page by page. All go on in further
// invocations.
import { Buffer } from "node:buffer";
import * as v from "npm:valibot@1.5.0";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import {
  eachAnswer,
  eachPageInput,
  eachPagePart,
  keep,
  kept,
  readSummaries,
  SiteInput,
  stagePages,
  summaryOf,
  type Work,
} from "../_shared/site/pages.ts";
import { Pace } from "../_shared/engine/budget.ts";
import { SiteGrouper, SiteLinks } from "../_shared/wasm/site.ts";

const Input = v.object({
  ...SiteInput.entries,
  top: v.nullable(v.number()),
  has_report: v.boolean(),
});

serveStage({
  pipeline: "site",
  stage: "site_plan",
  async run(job, context) {
    const work: Work = { stage: "site_plan", job, context };
    const { budget } = context;
    const input = await context.input(Input);
    const { page_count, has_report } = input;
    if (!has_report) await plan(input, work);
    // Its own invocation, unless the site is small.
    if (budget.isSpent) budget.pause(page_count + 1);
    const finder = await kept("finder", work);
    if (finder === null) throw new Error("the plan was kept without its finder of links");
    const links = new SiteLinks(finder);
    try {
      await eachPageInput(work, "links", page_count, async (pages) => {
        await stagePages(links.find(pages), work);
      });
    } finally {
      links.free();
    }
    return { output: {} };
  },
});

/** More than what is ever left of a plan. */
const mostLeft = 1e12;

/** Units of the plan between two looks at the clock; on a slow processor they are fewer. */
const mostUnits = 50;

/** Which topics of the pages are one topic of the site: what it takes is freed before the plan is made. */
async function group(work: Work): Promise<string> {
  const known = await kept("grouping", work);
  if (known !== null) return known;
  const grouper = new SiteGrouper();
  await eachPagePart(work, "summary", (page) => grouper.push_summary(summaryOf(page)));
  const similar = await kept("similar", { ...work, stage: "site_topics" });
  if (similar === null) throw new Error("the topics were kept without what they have in common");
  const grouping = Buffer.from(grouper.group(similar)).toString("base64");
  await keep("grouping", grouping, work);
  return grouping;
}

/** Makes the plan, or goes on with it, and keeps it. */
async function plan({ page_count, period_days, top }: v.InferOutput<typeof Input>, work: Work) {
  const { budget, signal } = work.context;
  const grouping = await group(work);
  if (budget.isSpent) budget.pause(page_count + 3 + mostLeft);
  const planner = await readSummaries(work);
  const settings = JSON.stringify({ period_days, top: top ?? undefined });
  const planning = planner.begin_plan(settings, grouping);
  try {
    await eachAnswer(work, (answers) => planning.push_answers(answers));
    const state = await kept("planning", work);
    if (state !== null && !planning.restore(Buffer.from(state, "base64"))) {
      work.context.log.warn("plan_begins_anew");
    }
    const pause = async (left: number): Promise<never> => {
      await keep("planning", Buffer.from(planning.checkpoint()).toString("base64"), work);
      return budget.pause(page_count + 2 + left);
    };
    const startMs = budget.usedMs();
    const pace = new Pace(mostUnits, budget);
    let left = planning.step(0);
    if (left > 0) {
      while (left > 0) {
        signal.throwIfAborted();
        const { result, endMs } = pace.step((count) => planning.step(count));
        left = result;
        if (left > 0 && budget.isSpentSince(startMs, endMs)) await pause(left);
      }
      // What the plan says is written at one go: in an invocation of its own, unless the site is small.
      if (budget.isSpent) await pause(0);
    }
    const { report, finder } = planning.report();
    await keep("finder", finder, work);
    await keep("report", report, work);
  } finally {
    planning.free();
  }
}
