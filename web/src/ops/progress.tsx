// The six stages of a job that is under way.

import { plural, relative, words } from "../format.ts";
import type { JobResult } from "../../../cli/report/result.ts";

type Stage = JobResult["stages"][number] & { next_retry_at?: string | null; last_error?: unknown };

export function Progress({ result }: { result: JobResult }) {
  const stages = result.stages as Stage[];
  const done = stages.filter((stage) => stage.status === "completed").length;
  const current = stages.find((stage) => stage.stage === result.job.stage);
  return (
    <section class="progress" aria-label="Progress">
      <p role="status">
        <strong>{words(result.job.stage)}</strong>, {done} of {stages.length} stages done
        {current?.next_retry_at && (
          <>
            ; tries again {relative(current.next_retry_at)} (attempt{" "}
            {plural(current.attempt_count, "", "").trim()} failed)
          </>
        )}
      </p>
      <StageDots stages={stages} />
    </section>
  );
}

export function StageDots({ stages }: { stages: { stage: string; status: string }[] }) {
  return (
    <ol class="stages" aria-label="Stages">
      {stages.map((stage) => (
        <li key={stage.stage} class={`stage-${stage.status}`}>
          <i aria-hidden="true" />
          <span>
            {words(stage.stage)}
            <span class="visually-hidden">: {stage.status}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
