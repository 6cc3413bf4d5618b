// One PagePerfect stage as an Edge Function: claim, answer, work in the background, commit or fail.
//
// The claim answers the caller within milliseconds; the stage runs on while a heartbeat keeps its lease. Nothing
// here is needed for correctness once a worker dies: the lease ends and the message comes back.
import * as v from "npm:valibot@1.5.0";
import { Budget, cpuMs, isMetered, limits, Pause } from "./budget.ts";
import { type Rpc, rpc as callRpc } from "../client.ts";
import { createDoorbell, dispatcher, type Doorbell } from "./doorbell.ts";
import { Failure } from "./failure.ts";
import { type Env, type Need, readEnv } from "../platform/env.ts";
import { guard, type Handler, json, noContent } from "../platform/http.ts";
import { Claim, Lease, LeaseLost, type StageJob } from "./lease.ts";
import type { StageName } from "../platform/database.ts";
import { createLog, errorText, type Log } from "../platform/log.ts";
import { isEnding, registerBeforeUnload, runBackground } from "../runtime.ts";

export interface StageContext {
  pipeline: string;
  env: Env;
  log: Log;
  rpc: Rpc;
  /** Aborts when the lease is lost, the job is cancelled or the time budget is spent. */
  signal: AbortSignal;
  /** The invocation's CPU time, and how a stage that needs more of it goes on in the next. */
  budget: Budget;
  /** Demands settings that this job cannot do without, where not every job of the stage needs them. */
  need(need: Need): void;
  /** The stage's input from the database, which must be as `shape` says. */
  input<Shape extends v.GenericSchema>(shape: Shape): Promise<v.InferOutput<Shape>>;
}

/** What a stage made: an output to commit, or the wish to be asked again later, which spends no attempt. */
export type StageResult =
  | { output: Record<string, unknown> }
  /** It has committed by itself. */
  | { committed: true }
  /** `delaySeconds` null: until it is woken, or its last open child ends. */
  | {
    defer: { delaySeconds: number | null; message: string; payload: Record<string, unknown> };
  };

export interface Stage {
  /** Default: pageperfect. */
  pipeline?: string;
  stage: StageName;
  /** Jobs that one invocation works on at once; default 1. */
  parallel?: number;
  /** Whom to ring besides when a job of this stage has ended. */
  wakes?: { pipeline: string; stage: string };
  /** Settings no job of this stage can do without; they are checked before anything is claimed. */
  needs?: Need[];
  run(job: StageJob, context: StageContext): Promise<StageResult>;
}

export interface Dependencies {
  rpc: Rpc;
  ring: Doorbell;
  readEnv: typeof readEnv;
  runBackground: typeof runBackground;
  registerBeforeUnload: typeof registerBeforeUnload;
  isEnding: typeof isEnding;
  limits: Pick<typeof limits, "cpuMs" | "stageMs" | "claimMs" | "claimCount">;
  cpuMs: typeof cpuMs;
  log: Log;
}

/** Serves a stage on this function's port. */
export function serveStage(stage: Stage): void {
  Deno.serve(stageHandler(stage));
}

/** The request handler of a stage; everything outside comes by `overrides` in tests. */
export function stageHandler(stage: Stage, overrides: Partial<Dependencies> = {}): Handler {
  const dependencies = dependenciesOf(stage, overrides);
  return guard(() => invoke(stage, dependencies));
}

function dependenciesOf(stage: Stage, overrides: Partial<Dependencies>): Dependencies {
  const log = overrides.log ?? createLog({ stage: stage.stage });
  return {
    rpc: callRpc,
    ring: createDoorbell(log),
    readEnv,
    runBackground,
    registerBeforeUnload,
    isEnding,
    limits,
    cpuMs,
    ...overrides,
    log,
  };
}

/** Claims and answers; the work goes on in the background. */
async function invoke(stage: Stage, dependencies: Dependencies): Promise<Response> {
  const { log } = dependencies;
  if (dependencies.isEnding()) return json(503, { error: "worker_ending" });
  const start = { at: performance.now(), cpuMs: dependencies.cpuMs() };
  const env = dependencies.readEnv(stage.needs);
  let claims: Claim[];
  try {
    claims = await claimNext(stage, env, dependencies);
  } catch (error) {
    log.error("queue_pop_failed", { message: errorText(error) });
    return json(500, { error: "queue_pop_failed" });
  }
  if (claims.length === 0) return noContent();
  for (const claim of claims) {
    dependencies.runBackground(drain(stage, env, dependencies, claim, start));
  }
  const { job_id, msg_id } = claims[0];
  return job_id === null
    ? json(202, { message: "message without job_id acknowledged", msg_id })
    : json(202, {
      message: `${stage.stage} started`,
      job_id,
      msg_id,
      claimed_count: claims.length,
    });
}

/** One invocation of a stage from another handler, which has checked its caller. */
export function invokeStage(stage: Stage): Promise<Response> {
  return invoke(stage, dependenciesOf(stage, {}));
}

const pipelineOf = (stage: Stage) => stage.pipeline ?? "pageperfect";

/** Leases on the stage's next messages; none when the worker was told to go meanwhile. */
async function claimNext(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  count = stage.parallel ?? 1,
): Promise<Claim[]> {
  const claiming = dependencies.rpc("claim_stages", {
    p_pipeline: pipelineOf(stage),
    p_stage: stage.stage,
    p_visibility_seconds: env.visibilitySeconds,
    p_count: count,
  }, v.array(Claim));
  const claims = await received(stage, env, dependencies, claiming, (claims) => claims);
  return dependencies.isEnding() ? [] : claims;
}

/**
 * The answer to a call that claims. A worker told to go while it is on its way has leases that it does not know of yet:
 * it waits for them and hands them back.
 */
async function received<T>(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  calling: Promise<T>,
  claimsOf: (answer: T) => Claim[],
): Promise<T> {
  const forgetUnload = dependencies.registerBeforeUnload(async () => {
    const claims = await calling.then(claimsOf, () => []);
    await Promise.all(claims.map(async (job) => {
      if (job.job_id === null) return;
      const lease = leaseOf(stage, env, dependencies, job);
      // Not begun: it did not drive the worker over a limit.
      await lease.handBack("termination").finally(() => lease.release());
    }));
  });
  return await calling.finally(forgetUnload);
}

function leaseOf(stage: Stage, env: Env, { rpc, log, limits }: Dependencies, job: StageJob): Lease {
  return new Lease(job, {
    pipeline: pipelineOf(stage),
    stage: stage.stage,
    rpc,
    log: log.with({
      job_id: job.job_id,
      msg_id: job.msg_id,
      attempt: job.attempt_count,
      traceparent: job.traceparent ?? undefined,
    }),
    visibilitySeconds: env.visibilitySeconds,
    budgetMs: limits.stageMs,
  });
}

/** Works on the claimed job and then on whatever else waits, until the queue is empty or the budget is spent. */
async function drain(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  first: Claim,
  start: { at: number; cpuMs: number },
): Promise<void> {
  const { log, limits } = dependencies;
  const usedMs = () => dependencies.cpuMs() - start.cpuMs;
  // Not waited for: the next stage starts while this worker looks for more of its own.
  const ring = (body: { pipeline: string; stage: string }, traceparent?: string | null) =>
    dependencies.runBackground(dependencies.ring(dispatcher, body, traceparent ?? undefined));
  const pipeline = pipelineOf(stage);
  let claim: Claim | undefined = first;
  for (let count = 1; claim !== undefined; count++) {
    const isLast = () =>
      count >= limits.claimCount || performance.now() - start.at >= limits.claimMs ||
      // Time alone does not say how many jobs fit: most of it is waiting.
      (isMetered && usedMs() >= limits.cpuMs / 2);
    const mayGoOn = () => !dependencies.isEnding() && !isLast();
    let outcome: Outcome = {};
    if (claim.job_id !== null) {
      outcome = await perform(stage, env, dependencies, claim, usedMs, mayGoOn);
      if (outcome.nextStage) ring({ pipeline, stage: outcome.nextStage }, claim.traceparent);
      if (stage.wakes) ring(stage.wakes, claim.traceparent);
      // A paused job needs an invocation of its own; one that waits for a model leaves nothing to do for the others either.
      if (outcome.isPaused) return;
    }
    if (outcome.claim !== undefined) {
      // The commit claimed the next one, or found none.
      claim = outcome.claim ?? undefined;
      continue;
    }
    if (dependencies.isEnding()) return;
    if (isLast()) {
      ring({ pipeline, stage: stage.stage });
      return;
    }
    [claim] = await claimNext(stage, env, dependencies, 1).catch((error) => {
      log.warn("queue_pop_failed", { message: errorText(error) });
      return [];
    });
  }
}

interface Outcome {
  /** The stage to ring now. */
  nextStage?: string | null;
  isPaused?: boolean;
  /** What the commit claimed as well; null: there was nothing more. */
  claim?: Claim | null;
}

/** Runs one job under its lease. `mayGoOn`: whether its commit shall claim the next one. */
async function perform(
  stage: Stage,
  env: Env,
  dependencies: Dependencies,
  job: StageJob,
  usedMs: () => number,
  mayGoOn: () => boolean,
): Promise<Outcome> {
  const { rpc, limits, readEnv } = dependencies;
  const lease = leaseOf(stage, env, dependencies, job);
  const { log } = lease.options;
  const forgetUnload = dependencies.registerBeforeUnload((reason) => lease.handBack(reason));

  const budget = new Budget(job, usedMs, limits.cpuMs);
  const work = async (): Promise<Outcome> => {
    const result = await stage.run(job, {
      pipeline: pipelineOf(stage),
      env,
      log,
      rpc,
      budget,
      signal: lease.signal,
      need(need) {
        try {
          readEnv([...stage.needs ?? [], need]);
        } catch (error) {
          throw new Failure(errorText(error), { code: "missing_configuration" });
        }
      },
      input: (shape) => rpc(`input_${stage.stage}`, { p_job_id: job.job_id }, shape),
    }).catch((error) => {
      if (error instanceof Pause) return error;
      throw error;
    });
    lease.signal.throwIfAborted();
    if (result instanceof Pause) {
      await lease.defer(result.delaySeconds, result.message, budget.payload(result));
      return { nextStage: result.delaySeconds > 0 ? null : stage.stage, isPaused: true };
    }
    if ("committed" in result) return {};
    if ("output" in result) {
      const committing = lease.commit(result.output, mayGoOn());
      const claimsOf = ({ claim }: { claim?: Claim | null }) => claim ? [claim] : [];
      return await received(stage, env, dependencies, committing, claimsOf);
    }
    const { delaySeconds, message, payload } = result.defer;
    await lease.defer(delaySeconds, message, payload);
    return {};
  };
  try {
    log.info("stage_started");
    return await lease.race(work());
  } catch (error) {
    if (error instanceof LeaseLost) {
      log.warn("stage_lease_lost");
      return {};
    }
    await lease.fail(error).catch((failing) =>
      // The lease will end by itself, and the message come back.
      log.error("failure_not_recorded", {
        message: errorText(error),
        because: errorText(failing),
      })
    );
    return {};
  } finally {
    // Of the invocation so far: with other jobs beside this one it is theirs too.
    log.info("stage_ended", { cpu_ms: Math.round(usedMs()), wall_ms: Math.round(budget.ageMs) });
    lease.release();
    forgetUnload();
  }
}
