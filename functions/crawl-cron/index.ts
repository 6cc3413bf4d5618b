// Runs pending crawls, several at once: the stage `crawl` of the pipeline `fetch`. A crawl that ends wakes the job that waits.
import { crawl, CrawlRequest } from "../_shared/crawl/crawl.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";

serveStage({
  pipeline: "fetch",
  stage: "crawl",
  // Their pages share the isolate's memory.
  parallel: 5,
  wakes: { pipeline: "pageperfect", stage: "wait_crawl" },
  async run(_job, { env, log, input }) {
    const page = await crawl(await input(CrawlRequest), env);
    const { html, ...facts } = { html: "", ...page };
    log.info("crawled", { ...facts, html_length: html.length });
    return { output: { ...page } };
  },
});
