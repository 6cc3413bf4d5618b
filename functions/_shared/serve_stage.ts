// One PagePerfect stage as an Edge Function: claim, answer, work in the background, commit or fail.
//
// The claim answers the caller within milliseconds; the stage runs on while a heartbeat keeps its lease. Nothing
// here is needed for correctness once a worker dies: the lease ends and the message comes back.
import { type Rpc, rpc as callRpc } from "./client.ts";
import { createDoorbell, dispatcher, type Doorbell } from "./doorbell.ts";
import { type Env, type Need, readEnv } from "./env.ts";
import { type Attempt, Failure, judge } from "./failure.ts";
import { guard, type Handler, json, noContent } from "./http.ts";
import { createLog, errorText, type Log } from "./log.ts";
import { registerBeforeUnload, runBackground, type UnloadReason } from "./runtime.ts";

const pipeline = "pageperfect";

/** What `claim_stage` gives: a lease (msg_id, read_ct) and the message. */
export interface StageJob extends Attempt {
  msg_id: number;
  read_ct: number;
  job_id: string;
  stage: string;
  payload: Record<string, unknown>;
  priority: number;
  traceparent: string | null;
}

export interface StageContext {
  env: Env;
  log: Log;
  rpc: Rpc;
  /** Aborts when the lease is lost, the job is cancelled or the time budget is spent. */
  signal: AbortSignal;
  /** The stage's input from the database. */
  input<T>(): Promise<T>;
}

/** What a stage made: an output to commit, or the wish to be asked again later, which spends no attempt. */
export type StageResult =
  | { output: Record<string, unknown> }
  | { defer: { delaySeconds: number; message: string; payload: Record<string, unknown> } };

export interface Stage {
  stage: string;
  /** Settings this stage cannot work without; they are checked before anything is claimed. */
  needs?: Need[];
  run(job: StageJob, context: StageContext): Promise<StageResult>;
}

/** How long things may take, milliseconds. Supabase ends a worker after 150 s of wall clock on its smallest plan. */
export interface Budget {
  /** One stage of one job. */
  stageMs: number;
  /** Age of an invocation up to which it claims another job instead of leaving it to the next. */
  claimMs: number;
  /** Jobs of one invocation: their CPU time adds up, and 2 s of it are an isolate's end. */
  claimCount: number;
}

export interface Dependencies {
  rpc: Rpc;
  ring: Doorbell;
  readEnv: typeof readEnv;
  runBackground: typeof runBackground;
  registerBeforeUnload: typeof registerBeforeUnload;
  budget: Budget;
  log: Log;
}

/** Serves a stage on this function's port. */
export function serveStage(stage: Stage): void {
  Deno.serve(stageHandler(stage));
}

/** The request handler of a stage; everything outside comes by `overrides` in tests. */
export function stageHandler(stage: Stage, overrides: Partial<Dependencies> = {}): Handler {
  const log = overrides.log ?? createLog({ stage: stage.stage });
  const dependencies: Dependencies = {
    rpc: callRpc,
    ring: createDoorbell(log),
    readEnv,
    runBackground,
    registerBeforeUnload,
    budget: { stageMs: 100_000, claimMs: 20_000, claimCount: 10 },
    ...overrides,
    log,
  };

  return guard(async () => {
    const startedAt = performance.now();
    const env = dependencies.readEnv(stage.needs);
    let claim: Claim | null;
    try {
      claim = await claimNext(stage, env, dependencies);
    } catch (error) {
      log.error("queue_pop_failed", { message: errorText(error) });
      return json(500, { error: "queue_pop_failed" });
    }
    if (claim === null) return noContent();
    dependencies.runBackground(drain(stage, env, dependencies, claim, startedAt));
    return claim.job_id === null
      ? json(202, { message: "message without job_id acknowledged", msg_id: claim.msg_id })
      : json(202, {
        message: `${stage.stage} started`,
        job_id: claim.job_id,
        msg_id: claim.msg_id,
      });
  });
}

/** A claimed job, or the note that a message without a job was acknowledged. */
type Claim = StageJob | { msg_id: number; job_id: null };

function claimNext(stage: Stage, env: Env, { rpc }: Dependencies): Promise<Claim | null> {
  return rpc("claim_stage", {
    p_pipeline: pipeline,
    p_stage: stage.stage,
    p_visibility_seconds: env.visibilitySeconds,
  });
}

/** Works on the claimed job and then on whatever else waits, until the queue is empty or the budget is spent. */
async function drain(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  first: Claim,
  startedAt: number,
): Promise<void> {
  const { log, budget } = dependencies;
  // Not waited for: the next stage starts while this worker looks for more of its own.
  const ring = (stage: string, traceparent?: string | null) =>
    dependencies.runBackground(
      dependencies.ring(dispatcher, { pipeline, stage }, traceparent ?? undefined),
    );
  let claim: Claim | null = first;
  for (let count = 1; claim !== null; count++) {
    if (claim.job_id !== null) {
      const nextStage = await perform(stage, env, dependencies, claim);
      if (nextStage) ring(nextStage, claim.traceparent);
    }
    if (count >= budget.claimCount || performance.now() - startedAt >= budget.claimMs) {
      ring(stage.stage);
      return;
    }
    claim = await claimNext(stage, env, dependencies).catch((error) => {
      log.warn("queue_pop_failed", { message: errorText(error) });
      return null;
    });
  }
}

/** Runs one job under its lease; returns the stage that its commit queued, if any. */
async function perform(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  job: StageJob,
): Promise<string | null> {
  const { rpc, budget } = dependencies;
  const log = dependencies.log.with({
    job_id: job.job_id,
    msg_id: job.msg_id,
    attempt: job.attempt_count,
    traceparent: job.traceparent ?? undefined,
  });
  const lease = { p_msg_id: job.msg_id, p_read_ct: job.read_ct };
  const startedAt = performance.now();
  const durationMs = () => Math.round(performance.now() - startedAt);

  /** Aborted once this worker must not, or cannot, go on; the reason is a Failure or a LeaseLost. */
  const stop = new AbortController();
  const stopped = new Promise<never>((_resolve, reject) => {
    stop.signal.addEventListener("abort", () => reject(stop.signal.reason));
  });
  stopped.catch(() => {});

  const budgetTimer = setTimeout(() => {
    const message = `${stage.stage} took longer than ${budget.stageMs / 1000} s`;
    stop.abort(new Failure(message, { code: "timeout" }));
  }, budget.stageMs);
  const stopHeartbeat = startHeartbeat(env, async () => {
    const isHeld = await rpc<boolean>("extend_lease", {
      p_pipeline: pipeline,
      ...lease,
      p_seconds: env.visibilitySeconds,
    });
    if (!isHeld) stop.abort(new LeaseLost());
    return isHeld;
  }, (error) => log.warn("heartbeat_failed", { message: errorText(error) }));

  const defer = (delaySeconds: number, message: string, payload: Record<string, unknown> = {}) =>
    rpc<{ status: string }>("defer_stage", {
      p_pipeline: pipeline,
      ...lease,
      p_delay_seconds: delaySeconds,
      p_message: message,
      p_payload: payload,
    });
  const fail = async (error: unknown) => {
    const verdict = judge(error, job);
    const { status } = await rpc<{ status: string }>("fail_stage", {
      p_pipeline: pipeline,
      ...lease,
      p_error: verdict.error,
      p_action: verdict.action,
      p_delay_seconds: verdict.delaySeconds,
      p_reason: verdict.reason,
    });
    const { details: _, ...facts } = verdict.error;
    log.warn(status, {
      ...facts,
      reason: verdict.reason,
      delay_seconds: verdict.delaySeconds,
      duration_ms: durationMs(),
    });
  };

  // A worker that is told to go hands its lease back, so that nobody waits for it to run out. When the work itself
  // drove the worker over a limit the attempt counts, or such a job would come back for ever.
  const forgetUnload = dependencies.registerBeforeUnload(async (reason: UnloadReason) => {
    stop.abort(new LeaseLost());
    const isInnocent = reason === "early_drop" || reason === "termination";
    await (isInnocent
      ? defer(0, `worker ended (${reason})`)
      : fail(new Failure(`the worker reached its ${reason} limit`, { code: "WORKER_LIMIT" })));
  });

  try {
    log.info("stage_started");
    const context: StageContext = {
      env,
      log,
      rpc,
      signal: stop.signal,
      input: () => rpc("get_stage_input", { p_job_id: job.job_id, p_stage: stage.stage }),
    };
    const result = await Promise.race([stage.run(job, context), stopped]);

    if ("defer" in result) {
      const { delaySeconds, message, payload } = result.defer;
      const { status } = await defer(delaySeconds, message, payload);
      log.info(`stage_${status}`, { delay_seconds: delaySeconds, duration_ms: durationMs() });
      return null;
    }
    const { status, next_stage } = await rpc<{ status: string; next_stage: string | null }>(
      `commit_${stage.stage}`,
      { ...lease, p_output: { ...result.output, duration_ms: durationMs() } },
    );
    log.info(`stage_${status}`, { next_stage, duration_ms: durationMs() });
    return status === "committed" ? next_stage : null;
  } catch (error) {
    if (error instanceof LeaseLost) {
      log.warn("stage_lease_lost", { duration_ms: durationMs() });
    } else {
      await fail(error).catch((failing) =>
        // The lease will end by itself, and the message come back.
        log.error("failure_not_recorded", {
          message: errorText(error),
          because: errorText(failing),
        })
      );
    }
    return null;
  } finally {
    clearTimeout(budgetTimer);
    stopHeartbeat();
    forgetUnload();
    // Whatever the stage left running, such as a request, ends with it.
    stop.abort(new LeaseLost());
  }
}

/** Another worker has the message, or the job was cancelled: nothing this one does would count. */
class LeaseLost extends Error {
  override name = "LeaseLost";
}

/** Calls `beat` three times a visibility timeout until it says false or is stopped; returns the stop. */
function startHeartbeat(
  env: Env,
  beat: () => Promise<boolean>,
  onError: (error: unknown) => void,
): () => void {
  const intervalMs = env.visibilitySeconds * 1000 / 3;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  const schedule = () => {
    timer = setTimeout(async () => {
      // A beat that fails is no verdict: the next one may come through before the lease ends.
      const goesOn = await beat().catch((error) => (onError(error), true));
      if (goesOn && !isStopped) schedule();
    }, intervalMs);
  };
  schedule();
  return () => {
    isStopped = true;
    clearTimeout(timer);
  };
}
