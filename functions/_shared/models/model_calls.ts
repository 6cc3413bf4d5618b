// Calls to models. All workers share a model's rate limits through the database: each asks before it calls, and tells
// afterwards what the answer said of the limits and what was used, which is where a job's costs come from.
import { type Budget, Pause } from "../engine/budget.ts";
import type { Rpc } from "../client.ts";
import type { ModelSettings } from "../platform/env.ts";
import { factsOf, Failure } from "../engine/failure.ts";
import { errorText, type Log } from "../platform/log.ts";
import * as policy from "../wasm/policy.ts";

export interface ModelContext {
  job: { job_id: string; stage: string };
  rpc: Rpc;
  log: Log;
  signal: AbortSignal;
  budget: Budget;
}

export interface ModelAnswer<T> {
  value: T;
  usage: { input_tokens: number; output_tokens: number };
  headers?: Headers;
}

/** What is longer is the rest of a day whose dollars are used up (begin_model_call). */
const longestRateLimitSeconds = 3600;

/**
 * Makes one call when the model's rate limits allow it. A refusal (429) spends no attempt: it holds for all workers, and
 * this one waits or pauses.
 *
 * @param tokens about how many it will take
 * @param timeoutMs how long the call may take
 * @throws Pause, Failure `rate_limited`, see Budget.wait; what the call throws
 */
export async function callModel<T>(
  { provider, model }: ModelSettings,
  tokens: number,
  timeoutMs: number,
  { job, rpc, log, signal, budget }: ModelContext,
  call: () => Promise<ModelAnswer<T>>,
): Promise<T> {
  const name = `${provider}/${model}`;
  const which = { p_provider: provider, p_model: model, p_tokens: tokens };
  const end = (outcome: Record<string, unknown>) =>
    rpc("end_model_call", { p_job_id: job.job_id, p_stage: job.stage, ...which, ...outcome });
  for (;;) {
    signal.throwIfAborted();
    const seconds = await rpc("begin_model_call", { ...which, p_job_id: job.job_id }) ?? 0;
    if (seconds > longestRateLimitSeconds) {
      throw new Pause("the day's budget for models is spent", undefined, Math.ceil(seconds));
    }
    if (seconds > 0) {
      await budget.wait(seconds, timeoutMs, name, signal);
      continue;
    }
    let answer: ModelAnswer<T>;
    try {
      answer = await call();
    } catch (error) {
      const { httpStatus, code, retryAfter } = factsOf(error);
      if (httpStatus !== 429 || policy.classify_error(httpStatus, code) === "permanent") {
        throw reachable(error, name);
      }
      log.warn("model_refused", { model: name, retry_after: retryAfter });
      await end({
        p_limits: rateLimits((error as { headers?: Headers }).headers),
        p_blocked_seconds: policy.refused_seconds(retryAfter, Date.now()),
      });
      continue;
    }
    budget.endWait();
    // An answer that was paid for is worth more than the note about it.
    await end({ p_usage: answer.usage, p_limits: rateLimits(answer.headers) }).catch((error) =>
      log.error("model_usage_not_recorded", { model: name, message: errorText(error) })
    );
    return answer.value;
  }
}

/** Names the server that did not answer: the clients only say that there was no connection. */
function reachable(error: unknown, name: string): unknown {
  const { code } = factsOf(error);
  if (code !== "connection_failed") return error;
  const cause = (error as Error).cause;
  const detail = cause instanceof Error ? `: ${cause.message}` : "";
  return new Failure(`the server of ${name} cannot be reached${detail}`, { code });
}

/** The limits in the headers of an answer. */
export function rateLimits(headers: Headers | undefined, now = Date.now()): policy.RateLimit[] {
  const told = [...headers ?? []].filter(([name]) => name.includes("ratelimit"));
  return told.length > 0 ? policy.rate_limits(told.flat(), now) : [];
}
