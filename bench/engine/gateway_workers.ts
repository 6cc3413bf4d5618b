// Eight workers that reach the database through the gateway, as deployed functions do:
//   gateway_workers.ts <style> <jobs>   prints the seconds until <jobs> jobs are through six stages
// one-transaction: claim_stage and commit_stage, as PagePerfect's own workers.
// step-by-step:    one call a step, as workers are written on functions/_shared. A worker that
//                  dequeues another stage's message forwards it.
// in-turn:         the same, where by luck nobody ever has to forward.

import * as v from "npm:valibot@1.5.0";
import {
  ackMessage,
  dequeueNextJob,
  enqueueJob,
  type QueueMessage,
} from "../../functions/_shared/queue.ts";
import { rpc, supabaseAdmin } from "../../functions/_shared/client.ts";
import { completeStageForPipeline, startStageForPipeline } from "../../functions/_shared/stages.ts";
import { pipeline, stages, workerCount } from "./pipeline.ts";

let left = Number(Deno.args[1]);

const Claim = v.nullable(v.looseObject({ msg_id: v.number(), read_ct: v.number() }));
const Committed = v.looseObject({ next_stage: v.nullable(v.string()), claim: v.nullish(Claim) });

async function oneTransaction(stage: string) {
  const which = { p_pipeline: pipeline, p_stage: stage, p_visibility_seconds: 600 };
  let claim = await rpc("claim_stage", which, Claim);
  // As many jobs as an invocation of a worker takes on.
  for (let count = 1; claim !== null && count <= 10; count++) {
    const lease = { p_msg_id: claim.msg_id, p_read_ct: claim.read_ct };
    const answer = count === 10
      ? await rpc("commit_stage", { p_pipeline: pipeline, ...lease, p_facts: {} }, Committed)
      : await rpc("commit_and_claim", { ...which, ...lease, p_output: {} }, Committed);
    if (answer.next_stage === null) left--;
    claim = answer.claim ?? null;
  }
}

async function stepByStep(stage: string) {
  const next = await dequeueNextJob(pipeline);
  if (next === null) return;
  if (next.message.stage === stage) return await work(next);
  const { job_id, payload, priority } = next.message;
  await enqueueJob(pipeline, job_id, next.message.stage, payload, { priority });
  await ackMessage(pipeline, next.msg_id);
}

async function inTurn() {
  const next = await dequeueNextJob(pipeline);
  if (next !== null) await work(next);
}

async function work({ msg_id, message: { job_id, stage, payload, priority } }: QueueMessage) {
  const nextStage = stages[stages.indexOf(stage) + 1];
  await startStageForPipeline(pipeline, job_id, stage);
  check(
    await supabaseAdmin.from(`${pipeline}_payloads`)
      .upsert({ job_id, stage, data: payload }, { onConflict: "job_id,stage" }),
  );
  await completeStageForPipeline(pipeline, job_id, stage);
  check(
    await supabaseAdmin.from(`${pipeline}_jobs`)
      .update(nextStage ? { stage: nextStage, status: "queued" } : { status: "completed" })
      .eq("id", job_id),
  );
  if (nextStage) await enqueueJob(pipeline, job_id, nextStage, payload, { priority });
  await ackMessage(pipeline, msg_id);
  if (!nextStage) left--;
}

function check({ error }: { error: Error | null }) {
  if (error) throw error;
}

const invoke = { "one-transaction": oneTransaction, "step-by-step": stepByStep, "in-turn": inTurn }[
  Deno.args[0]
];
if (!invoke) throw new Error(`there is no style ${Deno.args[0]}`);

const started = performance.now();
await Promise.all(Array.from({ length: workerCount }, async (_, worker) => {
  for (let turn = worker; left > 0; turn++) await invoke(stages[turn % stages.length]);
}));
console.log((performance.now() - started) / 1000);
Deno.exit();
