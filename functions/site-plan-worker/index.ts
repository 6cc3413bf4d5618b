// Site stage 4: which topics are one; the pages packed; owners and edits of the whole site, ranked; then its links, page by page. All go on
// in further invocations.
import * as v from "npm:valibot@1.5.0";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import {
  eachPageInput,
  eachPagePart,
  keep,
  keepBytes,
  keepText,
  kept,
  keptBytes,
  needed,
  packPages,
  SiteInput,
  stagePages,
  summaryOf,
  type Work,
} from "../_shared/site/pages.ts";
import { Pace } from "../_shared/engine/budget.ts";
import { SiteGrouper, SiteLinks, SitePacker, SitePlanner } from "../_shared/wasm/site.ts";

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
    const links = new SiteLinks(needed(await kept("finder", work), "finder"));
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

/** Pages that are packed at once, and read at once in every invocation: less than a megabyte. */
const packedPages = 40;

/** Which topics of the pages are one topic of the site, and the pages' index: what it takes is freed before the pages are packed. */
async function group(work: Work): Promise<void> {
  // An earlier version kept its grouping without an index.
  if (await kept("index", work) !== null) return;
  const grouper = new SiteGrouper();
  await eachPagePart(work, "summary", (page) => grouper.push_summary(summaryOf(page)));
  const index = grouper.index();
  const topics = { ...work, stage: "site_topics" };
  const similar = await kept("similar", topics);
  // JSON, as an earlier version kept it, for jobs that are under way.
  const grouping = similar?.startsWith("[")
    ? grouper.group_json(similar)
    : grouper.group(needed(await keptBytes("similar", topics), "similar"));
  await keepBytes("grouping", grouping, work);
  await keepBytes("index", index, work);
}

/** Where each pack of pages ends. */
const Packs = v.object({ ends: v.array(v.number()), are_all: v.boolean() });

/** Packs the pages for the plan's invocations; how many packs there are. */
async function pack(pageCount: number, work: Work): Promise<number> {
  const { budget } = work.context;
  const packs = v.parse(
    Packs,
    JSON.parse(await kept("packs", work) ?? '{"ends":[],"are_all":false}'),
  );
  if (packs.are_all) return packs.ends.length;
  const packer = new SitePacker(needed(await keptBytes("index", work), "index"));
  try {
    for (;;) {
      const last = await packPages(work, packer, packs.ends.at(-1) ?? 0, packedPages);
      if (last === null) break;
      await keepBytes(`pack ${packs.ends.length}`, packer.take(), work);
      packs.ends.push(last);
      await keep("packs", JSON.stringify(packs), work);
      if (budget.isSpent) budget.pause(pageCount + 3 + 2 * mostLeft - packs.ends.length);
    }
  } finally {
    packer.free();
  }
  await keep("packs", JSON.stringify({ ...packs, are_all: true }), work);
  return packs.ends.length;
}

/** The packed pages. To be freed, or used up. */
async function readPacks(count: number, work: Work): Promise<SitePlanner> {
  const planner = new SitePlanner();
  try {
    for (let at = 0; at < count; at++) {
      work.context.signal.throwIfAborted();
      const pack = `pack ${at}`;
      planner.push_pack(needed(await keptBytes(pack, work), pack));
    }
  } catch (error) {
    planner.free();
    throw error;
  }
  return planner;
}

/** Makes the plan, or goes on with it, and keeps it. */
async function plan({ page_count, period_days, top }: v.InferOutput<typeof Input>, work: Work) {
  const { budget, signal } = work.context;
  await group(work);
  if (budget.isSpent) budget.pause(page_count + 3 + 2 * mostLeft);
  const count = await pack(page_count, work);
  if (budget.isSpent) budget.pause(page_count + 3 + mostLeft);
  const index = needed(await keptBytes("index", work), "index");
  const grouping = needed(await keptBytes("grouping", work), "grouping");
  const settings = JSON.stringify({ period_days, top: top ?? undefined });
  const planning = (await readPacks(count, work)).begin_plan(settings, index, grouping);
  try {
    work.context.log.info("pages_read", { cpu_ms: Math.round(budget.usedMs()) });
    const state = await keptBytes("plan", work);
    if (state !== null && !planning.restore(state)) {
      work.context.log.warn("plan_begins_anew");
    }
    const pause = async (left: number): Promise<never> => {
      await keepBytes("plan", planning.checkpoint(), work);
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
  } catch (error) {
    planning.free();
    throw error;
  }
  const report = planning.report();
  try {
    await keep("finder", report.take_finder(), work);
    await keepText("report", (size) => report.next(size), work);
  } finally {
    report.free();
  }
}
