// The queue one step at a time, for workers that are written as dequeue → start → work → complete → enqueue next
// → ack, on any pipeline. PagePerfect's own workers use serve_stage.ts, where all of this is one transaction.
//
// A message stays on its queue until it is acknowledged; whoever dies in between leaves it to the next worker when
// its visibility timeout ends. Each step names the delivery it works under (`read_ct`, remembered from `dequeueNextJob`
// unless it is given), so that a worker whose message went to another one changes nothing any more.
import * as v from "npm:valibot@1.5.0";
import { rpc } from "./client.ts";
import { deliveries } from "./engine/deliveries.ts";
import { plain, retryDelaySeconds } from "./engine/failure.ts";
import { readAttempt } from "./stages.ts";

export type StagePayload = Record<string, unknown>;

const Dequeued = v.nullable(v.looseObject({
  msg_id: v.number(),
  read_ct: v.number(),
  message: v.looseObject({}),
}));

export interface QueueMessage<Payload = StagePayload> {
  msg_id: number;
  /** Deliveries so far; one for the first. */
  read_ct: number;
  message: { job_id: string; stage: string; payload: Payload; priority: number };
}

/**
 * Queues a stage of a job; a stage that is queued already keeps its place and its attempts.
 *
 * @param options.readCt the delivery this worker works under; default: that of the job's last `dequeueNextJob`
 * @returns the message's id; null when the job is finished, or another worker has taken its message over
 */
export function enqueueJob(
  queue: string,
  jobId: string,
  stage: string,
  payload: StagePayload = {},
  options: { priority?: number; delaySeconds?: number; msgId?: number; readCt?: number } = {},
): Promise<number | null> {
  const delivery = deliveries.ofJob(queue, jobId);
  return rpc("enqueue_stage", {
    p_msg_id: options.msgId ?? delivery?.msg_id ?? null,
    p_read_ct: options.readCt ?? delivery?.read_ct ?? null,
    p_queue: queue,
    p_job_id: jobId,
    p_stage: stage,
    p_payload: payload,
    p_priority: options.priority ?? 0,
    p_delay_seconds: options.delaySeconds ?? 0,
  });
}

/** The next visible message by priority, then age, of any stage or of `stage`; hidden from others for `visibilitySeconds`. */
export async function dequeueNextJob<Payload = StagePayload>(
  queue: string,
  visibilitySeconds = 600,
  stage?: string,
): Promise<QueueMessage<Payload> | null> {
  // What a message holds is the word of whoever enqueued it.
  const next = await rpc("dequeue_stage", {
    p_queue: queue,
    p_visibility_seconds: visibilitySeconds,
    p_stage: stage ?? null,
  }, Dequeued) as QueueMessage<Payload> | null;
  if (next) deliveries.remember(queue, next);
  return next;
}

/** Takes a message off its queue; false when it was gone already, or is another worker's. */
export async function ackMessage(queue: string, msgId: number, readCt?: number): Promise<boolean> {
  const isAcknowledged = await rpc("ack_message", {
    p_queue: queue,
    p_msg_id: msgId,
    p_read_ct: readCt ?? deliveries.ofMessage(queue, msgId)?.read_ct ?? null,
  });
  deliveries.forget(queue, msgId);
  return isAcknowledged === true;
}

/** Keeps a message hidden for `seconds` from now; false when it is gone, or another worker's. */
export async function extendVisibility(
  queue: string,
  msgId: number,
  seconds: number,
  readCt?: number,
): Promise<boolean> {
  const isExtended = await rpc("extend_message_visibility", {
    p_queue: queue,
    p_msg_id: msgId,
    p_seconds: seconds,
    p_read_ct: readCt ?? deliveries.ofMessage(queue, msgId)?.read_ct ?? null,
  });
  return isExtended === true;
}

/**
 * Puts a message back for a later attempt. The delay grows exponentially with the stage's attempts, with jitter, up
 * to the stage's maximum.
 *
 * @param options.baseDelaySeconds delay of the first retry; default: the stage's own
 * @param options.priorityOverride new priority; default: unchanged
 * @param options.visibilitySeconds upper bound of the delay; default: the stage's maximum
 * @returns the message's id, or null when it is gone
 */
export async function delayedRequeueJob(
  queue: string,
  msgId: number,
  jobId: string,
  stage: string,
  payload: StagePayload,
  options: {
    baseDelaySeconds?: number;
    priorityOverride?: number;
    visibilitySeconds?: number;
    readCt?: number;
  } = {},
): Promise<number | null> {
  // A pipeline's queue bears its name.
  const attempt = await readAttempt(queue, jobId, stage);
  const delay = retryDelaySeconds({
    ...attempt,
    retry_delay_seconds: options.baseDelaySeconds ?? attempt.retry_delay_seconds,
    max_retry_delay_seconds: options.visibilitySeconds ?? attempt.max_retry_delay_seconds,
  });
  return rpc("requeue_stage", {
    p_queue: queue,
    p_msg_id: msgId,
    p_job_id: jobId,
    p_stage: stage,
    p_payload: payload,
    p_delay_seconds: Math.ceil(delay),
    p_priority: options.priorityOverride ?? null,
    p_read_ct: options.readCt ?? deliveries.ofMessage(queue, msgId)?.read_ct ?? null,
  });
}

/**
 * Moves a message to the dead letters; its stage and job have failed with it. Doing it twice makes one letter.
 *
 * @returns the dead letter's id; null when the message is gone or another worker's, and has none
 */
export function moveToDeadLetter(
  queue: string,
  msgId: number,
  jobId: string,
  stage: string,
  message: unknown,
  reason: string,
  details: unknown = null,
  attemptCount = 0,
  readCt?: number,
): Promise<number | null> {
  return rpc("dead_letter_message", {
    p_queue: queue,
    p_msg_id: msgId,
    p_job_id: jobId,
    p_stage: stage,
    p_message: message,
    p_reason: reason,
    p_details: plain(details),
    p_attempt_count: attemptCount,
    p_read_ct: readCt ?? deliveries.ofMessage(queue, msgId)?.read_ct ?? null,
  });
}
