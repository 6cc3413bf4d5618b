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

/** How long to sleep while the crawl has not begun. */
const pendingSeconds = 900;

serveStage({
  stage: "wait_crawl",
  // A crawl that failed is submitted again.
  wakes: { pipeline: "fetch", stage: "crawl" },
  async run({ payload }, { input }) {
    const { crawl, running_seconds } = await input(Input);
    if (crawl.status === null) {
      throw new Failure("the job has no crawl to wait for", { code: "invalid_input" });
    }
    if (crawl.status === "completed") return { output: {} };
    if (crawl.status === "failed") {
      const { message, code, http_status, retryable } = crawl.error!;
      throw new Failure(`the crawl failed: ${message}`, {
        code: code ?? undefined,
        httpStatus: http_status ?? undefined,
        kind: retryable ? "transient" : "permanent",
        details: { crawl_job_id: crawl.id },
      });
    }
    if (running_seconds === null) {
      // Its turn may be hours away, and its end wakes this stage.
      return {
        defer: {
          delaySeconds: pendingSeconds,
          message: "the crawl waits for its turn",
          payload: {},
        },
      };
    }
    if (running_seconds >= policy.poll_deadline_seconds()) {
      throw new Failure(`the crawl did not finish within ${Math.round(running_seconds)} s`, {
        code: "crawl_timeout",
        details: { crawl_job_id: crawl.id },
      });
    }
    const pollCount = Number(payload.poll_count ?? 0);
    return {
      defer: {
        delaySeconds: policy.poll_delay_seconds(pollCount),
        message: `the crawl is ${crawl.status}`,
        payload: { poll_count: pollCount + 1 },
      },
    };
  },
});
