// Site stage 4: owners, edits and links of the whole site, ranked.
import * as v from "npm:valibot@1.5.0";
import { forRust } from "../_shared/engine/expect.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import { readPages, SiteInput } from "../_shared/site/pages.ts";
import { type FoundElsewhere, SitePlanner } from "../_shared/wasm/site.ts";

const Input = v.object({
  ...SiteInput.entries,
  top: v.nullable(v.number()),
  answers: forRust<FoundElsewhere[]>(),
});

serveStage({
  pipeline: "site",
  stage: "site_plan",
  async run(job, context) {
    const { page_count, answers, period_days, top } = await context.input(Input);
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
