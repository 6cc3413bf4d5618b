// Runs pending crawls, several at once. Answers as soon as it has claimed; a crawl that ends wakes the stage that waits.
import { rpc } from "../_shared/client.ts";
import { crawl, type CrawlRequest } from "../_shared/crawl/crawl.ts";
import { crawler, createDoorbell, dispatcher } from "../_shared/engine/doorbell.ts";
import { type Env, readEnv } from "../_shared/platform/env.ts";
import { Failure, judge } from "../_shared/engine/failure.ts";
import { guard, json, noContent } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { isEnding, registerBeforeUnload, runBackground } from "../_shared/runtime.ts";

interface CrawlJob extends CrawlRequest {
  id: string;
  job_id: string;
  attempt_count: number;
  max_attempts: number;
}

/** Crawls at once; their pages share the isolate's memory. */
const parallelCrawls = 5;
/** Age of an invocation up to which it claims more crawls. */
const claimMs = 30_000;
/** Delay of a crawl's first retry and the longest one, seconds. */
const retryDelays = { retry_delay_seconds: 5, max_retry_delay_seconds: 120 };

const log = createLog({ function: "crawl-cron" });
const ring = createDoorbell(log);

const claimCrawls = (env: Env) =>
  rpc<CrawlJob[]>("claim_crawl_jobs", {
    p_limit: parallelCrawls,
    p_lease_seconds: env.crawlLeaseSeconds,
  });

async function run(job: CrawlJob, env: Env): Promise<void> {
  const crawlLog = log.with({
    crawl_job_id: job.id,
    job_id: job.job_id,
    attempt: job.attempt_count,
  });
  const lease = { p_crawl_job_id: job.id, p_attempt_count: job.attempt_count };
  const fail = async (error: unknown) => {
    const verdict = judge(error, { ...job, ...retryDelays });
    const { status } = await rpc<{ status: string }>("fail_crawl", {
      ...lease,
      p_error: verdict.error,
      p_action: verdict.action,
      p_delay_seconds: verdict.delaySeconds,
    });
    crawlLog.warn(`crawl_${status}`, { ...verdict.error, delay_seconds: verdict.delaySeconds });
  };
  // A worker that is told to go hands its crawls back, so that nobody waits for their leases to run out.
  const forgetUnload = registerBeforeUnload((reason) =>
    fail(new Failure(`the crawler ended (${reason})`, { code: "WORKER_LIMIT" }))
  );
  try {
    const page = await crawl(job, env);
    const { status } = await rpc<{ status: string }>("complete_crawl", {
      ...lease,
      p_output: page,
    });
    const { html, ...facts } = { html: "", ...page };
    crawlLog.info(`crawl_${status}`, { ...facts, html_length: html.length });
  } catch (error) {
    await fail(error);
  } finally {
    forgetUnload();
  }
}

async function drain(first: CrawlJob[], env: Env): Promise<void> {
  const startedAt = performance.now();
  let jobs = first;
  while (jobs.length > 0) {
    await Promise.all(jobs.map(async (job) => {
      // Not recorded: the lease ends by itself, and the crawl is taken over.
      await run(job, env).catch((error) =>
        log.error("crawl_not_recorded", { crawl_job_id: job.id, message: errorText(error) })
      );
      runBackground(ring(dispatcher, { pipeline: "pageperfect", stage: "wait_crawl" }));
    }));
    if (isEnding()) return;
    if (performance.now() - startedAt > claimMs) {
      if (await rpc<number>("pending_crawl_count") > 0) await ring(crawler);
      return;
    }
    jobs = await claimCrawls(env);
  }
}

Deno.serve(guard(async () => {
  if (isEnding()) return json(503, { error: "worker_ending" });
  const env = readEnv();
  let jobs: CrawlJob[];
  try {
    jobs = await claimCrawls(env);
  } catch (error) {
    log.error("queue_pop_failed", { message: errorText(error) });
    return json(500, { error: "queue_pop_failed" });
  }
  if (jobs.length === 0) return noContent();
  runBackground(drain(jobs, env));
  return json(202, { message: "crawling", claimed_count: jobs.length });
}));
