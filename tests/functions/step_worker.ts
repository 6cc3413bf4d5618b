// A worker as people write them on functions/_shared: one step after the other, on any pipeline.

import { equal } from "node:assert/strict";
import {
  ackMessage,
  delayedRequeueJob,
  dequeueNextJob,
  enqueueJob,
  extendVisibility,
  moveToDeadLetter,
} from "../../functions/_shared/queue.ts";
import { insertEventForPipeline, supabaseAdmin } from "../../functions/_shared/client.ts";
import {
  completeStageForPipeline,
  failStageForPipeline,
  shouldDeadLetterForPipeline,
  startStageForPipeline,
} from "../../functions/_shared/stages.ts";

export interface Worker {
  pipeline: string;
  queue: string;
  stage: string;
  nextStage: string | null;
  work(payload: Record<string, unknown>): Record<string, unknown>;
}

/** One invocation; says what it did. */
export async function invoke({ pipeline, queue, stage, nextStage, work }: Worker): Promise<string> {
  const next = await dequeueNextJob(queue, 60);
  if (next === null) return "nothing";
  const { msg_id, message } = next;
  const jobId = message.job_id;
  if (message.stage !== stage) {
    await enqueueJob(queue, jobId, message.stage, message.payload, { priority: message.priority });
    await ackMessage(queue, msg_id);
    return "forwarded";
  }

  const started = await startStageForPipeline(pipeline, jobId, stage);
  try {
    equal(await extendVisibility(queue, msg_id, 90), true);
    const data = work(message.payload);
    const saved = await supabaseAdmin.from(`${pipeline}_payloads`)
      .upsert({ job_id: jobId, stage, data }, { onConflict: "job_id,stage" });
    if (saved.error) throw saved.error;
    await completeStageForPipeline(pipeline, jobId, stage);
    const updated = await supabaseAdmin.from(`${pipeline}_jobs`).update(
      nextStage
        ? { stage: nextStage, status: "queued" }
        : { status: "completed", completed_at: new Date().toISOString(), result: data },
    ).eq("id", jobId);
    if (updated.error) throw updated.error;
    if (nextStage) {
      await enqueueJob(queue, jobId, nextStage, { ...message.payload, ...data }, {
        priority: message.priority,
      });
    }
    await insertEventForPipeline(pipeline, jobId, "noted", `${stage} is through`, {}, stage);
    await ackMessage(queue, msg_id);
    return "completed";
  } catch (error) {
    await failStageForPipeline(pipeline, jobId, stage, error);
    if (await shouldDeadLetterForPipeline(pipeline, jobId, stage)) {
      const details = { message: String(error) };
      await moveToDeadLetter(
        queue,
        msg_id,
        jobId,
        stage,
        message,
        "attempts_used_up",
        details,
        started.attempt_count,
      );
      return "dead-lettered";
    }
    await delayedRequeueJob(queue, msg_id, jobId, stage, message.payload, {
      baseDelaySeconds: started.retry_delay_seconds,
      visibilitySeconds: 600,
    });
    return "requeued";
  }
}

export const two = (pipeline: string): [Worker, Worker] => [
  {
    pipeline,
    queue: pipeline,
    stage: "collect",
    nextStage: "publish",
    work: ({ topic }) => ({ notes: `on ${topic}` }),
  },
  {
    pipeline,
    queue: pipeline,
    stage: "publish",
    nextStage: null,
    work: ({ notes }) => ({ article: `written ${notes}` }),
  },
];
