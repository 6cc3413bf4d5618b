// Vectors on their way into the database: more than one request or one invocation can carry, so they go in chunks ahead of
// the stage's commit, which takes them from there in its one transaction.
import { type Budget, limits } from "./budget.ts";
import type { Rpc } from "./client.ts";
import { LeaseLost, type StageJob } from "./lease.ts";

/**
 * Stages the vectors of positions 0 to `count` - 1 for the commit, from where an earlier invocation stopped.
 *
 * @param vectorsOf pgvector text of the vectors from `start` up to `end`
 * @param source what the vectors were made from; another source starts over
 * @returns the digest that the commit names
 * @throws Pause when the invocation's CPU time is spent before all are staged
 */
export async function stageVectors(
  count: number,
  vectorsOf: (start: number, end: number) => string[] | Promise<string[]>,
  source: unknown,
  job: StageJob,
  { rpc, signal, budget }: { rpc: Rpc; signal: AbortSignal; budget: Budget },
): Promise<string> {
  const digest = await sha256(JSON.stringify(source));
  const { staged } = budget.progress;
  let done = staged?.digest === digest ? staged.count : 0;
  while (done < count) {
    signal.throwIfAborted();
    const end = Math.min(done + limits.vectorCount, count);
    const answer = await rpc<{ status: string; count: number }>("stage_vectors", {
      p_msg_id: job.msg_id,
      p_read_ct: job.read_ct,
      p_digest: digest,
      p_first: done,
      p_vectors: await vectorsOf(done, end),
    });
    if (answer.status !== "staged") throw new LeaseLost();
    // Fewer than this message remembers, if somebody took some away: they are made again.
    done = Math.min(end, answer.count);
    budget.progress.staged = { digest, count: done };
    if (done < count && budget.isSpent) budget.pause(count - done);
  }
  return digest;
}

async function sha256(text: string): Promise<string> {
  const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
