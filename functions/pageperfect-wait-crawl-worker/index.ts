// Stage 2: looks whether the crawl is done. If not, the message sleeps and no worker is kept; the crawl's end wakes it.
import * as v from "npm:valibot@1.5.0";
import { Failure } from "../_shared/engine/failure.ts";
import { serveStage } from "../_shared/engine/serve_stage.ts";
import * as policy from "../_shared/wasm/policy.ts";

const Input = v.object({
  crawl: v.object({
    id: v.nullable(v.string()),
    status: v.nullable(v.picklist(["pending", "processing", "completed", "failed"])),
    error: v.nullable(v.looseObject({
      message: v.string(),
      code: v.nullish(v.string()),
      http_status: v.nullish(v.number()),
      retryable: v.nullish(v.boolean()),
    })),
  }),
  /** Of a crawl that runs; null while it waits for its turn. */
  running_seconds: v.nullable(v.number()),
});

serveStage({
  stage: "wait_crawl",
  // A crawl that failed is submitted again.
  wakes: { pipeline: "fetch", stage: "crawl" },
  async run({ payload }, { input }) {
    const { crawl, running_seconds } = await input(Input);
    const wait = policy.crawl_wait(
      crawl.status ?? undefined,
      running_seconds ?? undefined,
      Number(payload.poll_count ?? 0),
    );
    const details = { crawl_job_id: crawl.id };
    switch (wait.action) {
      case "done":
        return { output: {} };
      case "failed": {
        const { message, code, http_status, retryable } = crawl.error ??
          { message: "it does not say why" };
        throw new Failure(`the crawl failed: ${message}`, {
          code: code ?? undefined,
          httpStatus: http_status ?? undefined,
          kind: retryable ? "transient" : "permanent",
          details,
        });
      }
      case "give_up":
        throw new Failure(wait.message, { code: wait.code, details });
      case "sleep": {
        const { delay_seconds, message, poll_count } = wait;
        return { defer: { delaySeconds: delay_seconds, message, payload: { poll_count } } };
      }
    }
  },
});
