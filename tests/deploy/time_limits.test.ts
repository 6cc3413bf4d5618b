// The functions keep to the time that pipeline.time_limits says they take.

import assert from "node:assert/strict";
import { limits } from "../../functions/_shared/engine/budget.ts";
import { readEnv } from "../../functions/_shared/platform/env.ts";
import { root } from "../../local/paths.ts";

/** The milliseconds that `file` gives `name`, in seconds. */
async function seconds(file: string, name: string): Promise<number> {
  const text = await Deno.readTextFile(`${root}/functions/${file}`);
  const value = new RegExp(`\\b${name}\\s*[:=]\\s*([\\d_]+)`).exec(text)?.[1];
  assert.ok(value, `${file} has no ${name}`);
  return Number(value.replaceAll("_", "")) / 1000;
}

const project: Record<string, string> = {
  SUPABASE_URL: "https://project.supabase.co",
  SUPABASE_SERVICE_ROLE_KEY: "key",
};

Deno.test("a worker and the crawler end within function_budget, a crawl within its lease", async () => {
  const text = await Deno.readTextFile(
    `${root}/supabase/schemas/schedules/time_limits.sql`,
  );
  const budget = Number(/'function_budget', (\d+)/.exec(text)?.[1]);
  const stage = (limits.stageMs + limits.claimMs) / 1000;
  assert.ok(stage <= budget, `a worker may take ${stage} s, more than ${budget} s`);

  const slowestCrawl = Math.max(
    await seconds("_shared/crawl/crawl.ts", "scraperTimeoutMs"),
    await seconds("_shared/crawl/crawl.ts", "directTimeoutMs"),
  );
  const crawler = await seconds("crawl-cron/index.ts", "claimMs") + slowestCrawl;
  assert.ok(crawler <= budget, `the crawler may take ${crawler} s, more than ${budget} s`);

  const lease = (settings: Record<string, string>) =>
    readEnv([], (name) => ({ ...project, ...settings })[name]).crawlLeaseSeconds;
  assert.ok(await seconds("_shared/crawl/crawl.ts", "directTimeoutMs") < lease({}));
  assert.ok(slowestCrawl < lease({ SCRAPER_API_KEY: "key" }));
});
