// A claimed message while it is worked on. The lease is (msg_id, read_ct): every change of state names it, and the
// database refuses one that another delivery has replaced.
import * as v from "npm:valibot@1.5.0";
import type { Rpc } from "../client.ts";
import { commitOf, type StageName } from "../platform/database.ts";
import { Status } from "./expect.ts";
import { Attempt, Failure, judge } from "./failure.ts";
import { errorText, type Log } from "../platform/log.ts";
import type { UnloadReason } from "../runtime.ts";

/** What `claim_stages` gives: a lease and the message. */
export const StageJob = v.looseObject({
  ...Attempt.entries,
  msg_id: v.number(),
  read_ct: v.number(),
  job_id: v.string(),
  stage: v.string(),
  payload: v.nullish(v.record(v.string(), v.unknown()), {}),
  priority: v.number(),
  traceparent: v.nullish(v.string(), null),
});
export type StageJob = Pick<v.InferOutput<typeof StageJob>, keyof typeof StageJob.entries>;

/** A claimed job, or the note that a message without a job was acknowledged. */
export const Claim = v.union([StageJob, v.looseObject({ msg_id: v.number(), job_id: v.null() })]);
export type Claim = StageJob | { msg_id: number; job_id: null };

const Committed = v.looseObject({
  status: v.string(),
  next_stage: v.nullish(v.string(), null),
  claim: v.nullish(Claim),
});

/** Another worker has the message, the job was cancelled, or this worker ends: nothing it does would count. */
export class LeaseLost extends Error {
  override name = "LeaseLost";
}

/** @throws LeaseLost unless the database still held the stage's lease. */
export function held({ status }: { status: string }): void {
  if (status !== "held") throw new LeaseLost();
}

export interface LeaseOptions {
  pipeline: string;
  stage: StageName;
  rpc: Rpc;
  log: Log;
  visibilitySeconds: number;
  /** Time the work may take, milliseconds. */
  budgetMs: number;
}

export class Lease {
  readonly #stop = new AbortController();
  readonly #startedAt = performance.now();
  readonly #budgetTimer: ReturnType<typeof setTimeout>;
  #heartbeatTimer?: ReturnType<typeof setTimeout>;

  /** Holds the lease with a heartbeat until `release`. */
  constructor(readonly job: StageJob, readonly options: LeaseOptions) {
    this.#budgetTimer = setTimeout(() => {
      const message = `${job.stage} took longer than ${options.budgetMs / 1000} s`;
      this.#stop.abort(new Failure(message, { code: "timeout" }));
    }, options.budgetMs);
    this.#scheduleHeartbeat();
  }

  /** Aborts with a LeaseLost or, when the time budget is spent, with a Failure. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** The outcome of `work`, unless the signal aborts first. */
  async race<T>(work: Promise<T>): Promise<T> {
    const stopped = new Promise<never>((_resolve, reject) => {
      const stop = () => reject(this.signal.reason);
      if (this.signal.aborted) stop();
      this.signal.addEventListener("abort", stop, { once: true });
    });
    return await Promise.race([work, stopped]);
  }

  /**
   * Commits the stage's output and, with `claimNext`, claims the stage's next message in the same call.
   *
   * @returns the stage that is queued now, if any; what was claimed, null when there was nothing
   */
  async commit(
    output: Record<string, unknown>,
    claimNext: boolean,
  ): Promise<{ nextStage: string | null; claim?: Claim | null }> {
    const { pipeline, stage, visibilitySeconds, rpc } = this.options;
    const result = { ...this.#key, p_output: { ...output, duration_ms: this.#durationMs } };
    const { status, next_stage, claim } = claimNext
      ? await rpc("commit_and_claim", {
        ...result,
        p_pipeline: pipeline,
        p_stage: stage,
        p_visibility_seconds: visibilitySeconds,
      }, Committed)
      : await rpc(commitOf(stage), result, Committed);
    this.options.log.info(`stage_${status}`, { next_stage, duration_ms: this.#durationMs });
    return { nextStage: status === "committed" ? next_stage : null, claim };
  }

  /** Puts the message to sleep, until it is woken when `delaySeconds` is null; the attempt is not spent. */
  async defer(delaySeconds: number | null, message: string, payload: Record<string, unknown> = {}) {
    const { status } = await this.options.rpc("defer_stage", {
      p_pipeline: this.options.pipeline,
      ...this.#key,
      p_delay_seconds: delaySeconds,
      p_message: message,
      p_payload: payload,
    }, Status);
    this.options.log.info(`stage_${status}`, {
      delay_seconds: delaySeconds,
      duration_ms: this.#durationMs,
    });
  }

  /** Reports a failed attempt with Rust's decision about it. */
  async fail(error: unknown): Promise<void> {
    const verdict = judge(error, this.job);
    const { status } = await this.options.rpc("fail_stage", {
      p_pipeline: this.options.pipeline,
      ...this.#key,
      p_error: verdict.error,
      p_action: verdict.action,
      p_delay_seconds: verdict.delaySeconds,
      p_reason: verdict.reason,
    }, Status);
    const { details: _, ...facts } = verdict.error;
    this.options.log.warn(`stage_${status}`, {
      ...facts,
      reason: verdict.reason,
      delay_seconds: verdict.delaySeconds,
      duration_ms: this.#durationMs,
    });
  }

  /**
   * Hands the lease back before the worker ends, so that nobody waits for it to run out. When the work itself drove
   * the worker over a limit the attempt counts, or such a job would come back for ever.
   */
  async handBack(reason: UnloadReason): Promise<void> {
    this.#stop.abort(new LeaseLost());
    const isInnocent = reason === "early_drop" || reason === "termination";
    await (isInnocent
      ? this.defer(0, `worker ended (${reason})`)
      : this.fail(new Failure(`the worker reached its ${reason} limit`, { code: "WORKER_LIMIT" })));
  }

  /** Stops the heartbeat and whatever the stage left running, such as a request. */
  release(): void {
    clearTimeout(this.#budgetTimer);
    clearTimeout(this.#heartbeatTimer);
    this.#stop.abort(new LeaseLost());
  }

  get #key() {
    return { p_msg_id: this.job.msg_id, p_read_ct: this.job.read_ct };
  }

  get #durationMs(): number {
    return Math.round(performance.now() - this.#startedAt);
  }

  /** Three beats a visibility timeout. */
  #scheduleHeartbeat(): void {
    this.#heartbeatTimer = setTimeout(async () => {
      await this.#beat();
      if (!this.signal.aborted) this.#scheduleHeartbeat();
    }, this.options.visibilitySeconds * 1000 / 3);
  }

  async #beat(): Promise<void> {
    try {
      const isHeld = await this.options.rpc("extend_lease", {
        p_pipeline: this.options.pipeline,
        ...this.#key,
        p_seconds: this.options.visibilitySeconds,
      });
      if (!isHeld) this.#stop.abort(new LeaseLost());
    } catch (error) {
      // No verdict: the next beat may come through before the lease ends.
      this.options.log.warn("heartbeat_failed", { message: errorText(error) });
    }
  }
}
