// Site stage 2: page jobs for the pages that need one. They are children of the site's job, which sleeps without a slot until
// the last of those that are open has ended.
import { serveStage } from "../_shared/engine/serve_stage.ts";

interface Counts {
  total: number;
  waiting: number;
  open: number;
  done: number;
  reused: number;
  failed: number;
  skipped: number;
}

serveStage({
  pipeline: "site",
  stage: "analyse_pages",
  wakes: { pipeline: "pageperfect", stage: "submit_crawl" },
  async run(_job, { input }) {
    const { total, waiting, open } = await input<Counts>();
    if (waiting + open === 0) return { output: {} };
    return {
      defer: {
        delaySeconds: null,
        message: `${total - waiting - open} of ${total} pages`,
        payload: {},
      },
    };
  },
});
