// Stage 1: checks the URL once more and hands it to the crawler's queue.
import * as v from "npm:valibot@1.5.0";
import { Failure } from "../_shared/engine/failure.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import * as policy from "../_shared/wasm/policy.ts";

const Input = v.object({
  url: v.string(),
  premium: v.boolean(),
  ultra_premium: v.boolean(),
  render: v.boolean(),
});

serveStage({
  stage: "submit_crawl",
  wakes: { pipeline: "fetch", stage: "crawl" },
  async run(_job, { env, input }) {
    const { url, premium, ultra_premium, render } = await input(Input);
    const check = policy.check_url(url, env.allowedHosts, [new URL(env.supabaseUrl).host]);
    if (!check.ok) throw new Failure(check.message, { code: check.code });
    return { output: { url: check.href, premium, ultra_premium, render } };
  },
});
