// Site stage 4: owners and edits of the whole site, ranked; then its links, page by page.
import * as v from "npm:valibot@1.5.0";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import {
  eachPageInput,
  keep,
  kept,
  readSummaries,
  SiteInput,
  stagePages,
  type Work,
} from "../_shared/site/pages.ts";
import { SiteLinks } from "../_shared/wasm/site.ts";

const Input = v.object({
  ...SiteInput.entries,
  top: v.nullable(v.number()),
  has_report: v.boolean(),
  /** JSON of arrays of FoundElsewhere and SimilarTopics. */
  answers: v.string(),
  similar: v.string(),
});

serveStage({
  pipeline: "site",
  stage: "site_plan",
  async run(job, context) {
    const work: Work = { stage: "site_plan", job, context };
    const { budget } = context;
    const { page_count, has_report, ...input } = await context.input(Input);
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

async function plan(
  { answers, similar, period_days, top }: Omit<
    v.InferOutput<typeof Input>,
    "page_count" | "has_report"
  >,
  work: Work,
) {
  const { planner } = await readSummaries(work);
  try {
    // `similar` is JSON already, and may be long.
    const settings = JSON.stringify({ period_days, top: top ?? undefined })
      .replace(/}$/, `,"similar":${similar}}`);
    const { report, finder } = planner.plan(answers, settings);
    await keep("finder", finder, work);
    await keep("report", report, work);
  } finally {
    planner.free();
  }
}
