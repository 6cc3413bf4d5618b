// Site stage 2: page jobs for the pages that need one. They are children of the site's job, which sleeps without a slot until
// the last of those that are open has ended; where its owner may have no more jobs now, until it looks again.
import * as v from "npm:valibot@1.5.0";
import { serveStage } from "../_shared/engine/serve_stage.ts";

/** Seconds: nobody wakes a stage none of whose pages has a job. */
const untilNextLook = 300;

const Counts = v.object({ total: v.number(), waiting: v.number(), open: v.number() });

serveStage({
  pipeline: "site",
  stage: "analyse_pages",
  wakes: { pipeline: "pageperfect", stage: "submit_crawl" },
  async run(_job, { input }) {
    const { total, waiting, open } = await input(Counts);
    if (waiting + open === 0) return { output: {} };
    return {
      defer: {
        delaySeconds: open > 0 ? null : untilNextLook,
        message: `${total - waiting - open} of ${total} pages`,
        payload: {},
      },
    };
  },
});
