// A stage's record one step at a time, for workers written on queue.ts, on any pipeline.
import { rpc, supabaseAdmin } from "./client.ts";
import { type Attempt, Failure, judge } from "./engine/failure.ts";

export interface StartedStage extends Attempt {
  priority: number;
}

/** Counts an attempt of a stage whose message this worker holds. */
export function startStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
): Promise<StartedStage> {
  return rpc("start_stage", { p_pipeline: pipeline, p_job_id: jobId, p_stage: stage });
}

/** Marks a running stage as completed; false when it was not running. */
export function completeStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
): Promise<boolean> {
  return rpc("complete_stage", { p_pipeline: pipeline, p_job_id: jobId, p_stage: stage });
}

/** Records why the running attempt failed; requeue or dead-letter the message next. */
export async function failStageForPipeline(
  pipeline: string,
  jobId: string,
  stage: string,
  error: unknown,
): Promise<void> {
  const attempt = await readAttempt(pipeline, jobId, stage);
  await rpc("record_stage_failure", {
    p_pipeline: pipeline,
    p_job_id: jobId,
    p_stage: stage,
    p_error: judge(error, attempt).error,
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
