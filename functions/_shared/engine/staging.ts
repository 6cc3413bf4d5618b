// What a stage keeps in the database between its invocations: vectors on their way to the commit, which are more than one
// request or one invocation can carry and go in chunks ahead of it, and where the work itself stopped.
import { Buffer } from "node:buffer";
import * as v from "npm:valibot@1.5.0";
import { type Budget, limits } from "./budget.ts";
import type { Rpc } from "../client.ts";
import { Status } from "./expect.ts";
import { LeaseLost, type StageJob } from "./lease.ts";
import { errorText, type Log } from "../platform/log.ts";

const Staged = v.object({ status: v.string(), count: v.number() });

/**
 * Stages the vectors of positions 0 to `count` - 1 for the commit, from where an earlier invocation stopped.
 *
 * @param vectorsOf pgvector text of the vectors from `start` up to `end`
 * @param digest of what the vectors were made from, which the commit names; another one starts over
 * @throws Pause when the invocation's CPU time is spent before all are staged
 */
export async function stageVectors(
  count: number,
  vectorsOf: (start: number, end: number) => string[] | Promise<string[]>,
  digest: string,
  job: StageJob,
  { rpc, signal, budget }: { rpc: Rpc; signal: AbortSignal; budget: Budget },
): Promise<void> {
  const { staged } = budget.progress;
  let done = staged?.digest === digest ? staged.count : 0;
  while (done < count) {
    signal.throwIfAborted();
    const end = Math.min(done + limits.vectorCount, count);
    const answer = await rpc("stage_vectors", {
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_digest: digest,
      p_first: done,
      p_vectors: await vectorsOf(done, end),
    }, Staged);
    if (answer.status !== "staged") throw new LeaseLost();
    // Fewer than this message remembers, if somebody took some away: they are made again.
    done = Math.min(end, answer.count);
    budget.progress.staged = { digest, count: done };
    if (done < count && budget.isSpent) budget.pause(count - done);
  }
}

/** Keeps where the work on `digest`'s input stands, for the invocation after a pause. */
export async function saveCheckpoint(
  checkpoint: Uint8Array,
  digest: string,
  job: StageJob,
  { pipeline, rpc, budget }: { pipeline: string; rpc: Rpc; budget: Budget },
): Promise<void> {
  const { status } = await rpc("save_checkpoint", {
    p_pipeline: pipeline,
    p_msg_id: job.msg_id,
    p_read_ct: job.read_ct,
    p_digest: digest,
    p_state: Buffer.from(checkpoint).toString("base64"),
  }, Status);
  if (status !== "saved") throw new LeaseLost();
  budget.progress.checkpoint = digest;
}

/**
 * Where an earlier invocation stopped; undefined when there was none, or its input has changed. With `isFromAnyAttempt` also
 * where one stopped that failed or died, also before a retry of the whole job: for what is not computed but paid for.
 */
export async function loadCheckpoint(
  digest: string,
  job: StageJob,
  { rpc, budget }: { rpc: Rpc; budget: Budget },
  { isFromAnyAttempt = false } = {},
): Promise<Uint8Array | undefined> {
  if (budget.progress.checkpoint !== digest && !isFromAnyAttempt) return undefined;
  const state = await rpc("load_checkpoint", {
    p_job_id: job.job_id,
    p_stage: job.stage,
    p_digest: digest,
  });
  return state === null ? undefined : Buffer.from(state, "base64");
}

/**
 * Takes up an earlier invocation's work where it stopped. A checkpoint that `restore` refuses, as one of another version of
 * the module, is left: the work starts over.
 */
export async function resume(
  restore: (checkpoint: Uint8Array) => void,
  digest: string,
  job: StageJob,
  context: { rpc: Rpc; budget: Budget; log: Log },
): Promise<void> {
  const checkpoint = await loadCheckpoint(digest, job, context);
  if (checkpoint === undefined) return;
  try {
    restore(checkpoint);
  } catch (error) {
    context.log.warn("checkpoint_refused", { message: errorText(error) });
  }
}

/** Tells inputs apart. */
export async function digestOf(source: unknown): Promise<string> {
  const text = JSON.stringify(source);
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
