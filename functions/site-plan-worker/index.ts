// Site stage 4: owners, edits and links of the whole site, ranked.
import { serveStage } from "../_shared/engine/serve_stage.ts";
import { readPages, type SiteInput } from "../_shared/site/pages.ts";
import { type FoundElsewhere, SitePlanner } from "../_shared/wasm/site.ts";

interface Input extends SiteInput {
  top: number | null;
  answers: FoundElsewhere[];
}

serveStage({
  pipeline: "site",
  stage: "site_plan",
  async run(job, context) {
    const { page_count, answers, period_days, top } = await context.input<Input>();
    const planner = new SitePlanner();
    try {
      await readPages(planner, page_count, job.job_id, context);
      const settings = { period_days, top: top ?? undefined };
      const report = planner.report(JSON.stringify(answers), JSON.stringify(settings));
      return { output: { report: JSON.parse(report) } };
    } finally {
      planner.free();
    }
  },
});
