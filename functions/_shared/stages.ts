// A stage's record one step at a time, for workers written on queue.ts, on any pipeline.
import * as v from "npm:valibot@1.5.0";
import { rpc, supabaseAdmin } from "./client.ts";
import { deliveries } from "./engine/deliveries.ts";
import { Attempt, Failure, judge } from "./engine/failure.ts";

const StartedStage = v.object({ ...Attempt.entries, priority: v.number() });
export type StartedStage = v.InferOutput<typeof StartedStage>;

/** The delivery a step works under: as given, else as it was dequeued. */
const deliveryOf = (pipeline: string, jobId: string, readCt?: number) =>
  readCt ?? deliveries.ofJob(pipeline, jobId)?.read_ct ?? null;

/**
 * Counts an attempt of a stage whose message this worker holds.
 *
 * @throws Failure 55000 when the job is finished, or another worker has taken the message over
 */
export function startStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
  readCt?: number,
): Promise<StartedStage> {
  return rpc("start_stage", {
    p_pipeline: pipeline,
    p_job_id: jobId,
    p_stage: stage,
    p_read_ct: deliveryOf(pipeline, jobId, readCt),
  }, StartedStage);
}

/** Marks a running stage as completed; false when it was not running. */
export async function completeStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
  readCt?: number,
): Promise<boolean> {
  const isCompleted = await rpc("complete_stage", {
    p_pipeline: pipeline,
    p_job_id: jobId,
    p_stage: stage,
    p_read_ct: deliveryOf(pipeline, jobId, readCt),
  });
  return isCompleted === true;
}

/** Records why the running attempt failed; requeue or dead-letter the message next. */
export async function failStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
  error: unknown,
  readCt?: number,
): Promise<void> {
  const attempt = await readAttempt(pipeline, jobId, stage);
  await rpc("record_stage_failure", {
    p_pipeline: pipeline,
    p_job_id: jobId,
    p_stage: stage,
    p_error: judge(error, attempt).error,
    p_read_ct: deliveryOf(pipeline, jobId, readCt),
  });
}

/** Whether the failed stage is not to be tried again: its attempts are used up, or its last error is permanent. */
export async function shouldDeadLetterForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
): Promise<boolean> {
  const attempt = await readAttempt(pipeline, jobId, stage);
  const kind = attempt.last_error?.retryable === false ? "permanent" : "transient";
  return judge(new Failure("", { kind }), attempt).action === "dead_letter";
}

/** How often the stage was tried, under which settings, and why it failed last. */
export async function readAttempt(
  pipeline: string,
  jobId: string,
  stage: string,
): Promise<Attempt & { last_error: { retryable?: boolean } | null }> {
  const { data, error } = await supabaseAdmin.from(`${pipeline}_job_stages`)
    .select("attempt_count, max_attempts, retry_delay_seconds, max_retry_delay_seconds, last_error")
    .eq("job_id", jobId).eq("stage", stage).single();
  if (error) {
    throw new Failure(`stage ${stage} of job ${jobId}: ${error.message}`, { code: error.code });
  }
  return data;
}
