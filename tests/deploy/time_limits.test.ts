// The functions keep to the time that pipeline.time_limits says they take.

import assert from "node:assert/strict";
import { limits } from "../../functions/_shared/engine/budget.ts";
import { root } from "../../local/paths.ts";

/** The milliseconds that `file` gives `name`, in seconds. */
async function seconds(file: string, name: string): Promise<number> {
  const text = await Deno.readTextFile(`${root}/functions/${file}`);
  const value = new RegExp(`\\b${name}\\s*[:=]\\s*([\\d_]+)`).exec(text)?.[1];
  assert.ok(value, `${file} has no ${name}`);
  return Number(value.replaceAll("_", "")) / 1000;
}

Deno.test("a worker ends within function_budget, and a crawl within a worker's time", async () => {
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
  assert.ok(slowestCrawl < limits.stageMs / 1000, `a crawl may take ${slowestCrawl} s`);
});
