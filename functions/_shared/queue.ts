// The queue one step at a time, for workers that are written as dequeue → start → work → complete → enqueue next
// → ack, on any pipeline. PagePerfect's own workers use serve_stage.ts, where all of this is one transaction.
//
// A message stays on its queue until it is acknowledged; whoever dies in between leaves it to the next worker when
// its visibility timeout ends.
import { rpc } from "./client.ts";
import { retryDelaySeconds } from "./engine/failure.ts";
import { readAttempt } from "./stages.ts";

export type StagePayload = Record<string, unknown>;

export interface QueueMessage<Payload = StagePayload> {
  msg_id: number;
  /** Deliveries so far; one for the first. */
  read_ct: number;
  message: { job_id: string; stage: string; payload: Payload; priority: number };
}

/**
 * Queues a stage of a job; a stage that is queued already keeps its place and its attempts.
 *
 * @returns the message's id
 */
export function enqueueJob(
  queue: string,
  jobId: string,
  stage: string,
  payload: StagePayload = {},
  options: { priority?: number; delaySeconds?: number } = {},
): Promise<number> {
  return rpc("enqueue_stage", {
    p_queue: queue,
    p_job_id: jobId,
    p_stage: stage,
    p_payload: payload,
    p_priority: options.priority ?? 0,
    p_delay_seconds: options.delaySeconds ?? 0,
  });
}

/** The next visible message by priority, then age; hidden from others for `visibilitySeconds`. */
export function dequeueNextJob<Payload = StagePayload>(
  queue: string,
  visibilitySeconds = 600,
): Promise<QueueMessage<Payload> | null> {
  return rpc("dequeue_stage", { p_queue: queue, p_visibility_seconds: visibilitySeconds });
}

/** Takes a message off its queue; false when it was gone already. */
export function ackMessage(queue: string, msgId: number): Promise<boolean> {
  return rpc("ack_message", { p_queue: queue, p_msg_id: msgId });
}

/** Keeps a message hidden for `seconds` from now; false when it is gone. */
export function extendVisibility(queue: string, msgId: number, seconds: number): Promise<boolean> {
  return rpc("extend_message_visibility", { p_queue: queue, p_msg_id: msgId, p_seconds: seconds });
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
  options: { baseDelaySeconds?: number; priorityOverride?: number; visibilitySeconds?: number } =
    {},
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
  });
}

/**
 * Moves a message to the dead letters; its stage and job have failed with it. Doing it twice makes one letter.
 *
 * @returns the dead letter's id
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
): Promise<number> {
  return rpc("dead_letter_message", {
    p_queue: queue,
    p_msg_id: msgId,
    p_job_id: jobId,
    p_stage: stage,
    p_message: message,
    p_reason: reason,
    p_details: details,
    p_attempt_count: attemptCount,
  });
}
