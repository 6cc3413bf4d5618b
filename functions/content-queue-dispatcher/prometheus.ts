// Prometheus' text format of the pipelines' figures.

/** What `pipeline_metrics()` gives. */
export interface PipelineMetrics {
  stages: {
    pipeline: string;
    stage: string;
    max_concurrency: number;
    ready_count: number;
    sleeping_count: number;
    in_flight_count: number;
    oldest_ready_seconds: number | null;
  }[];
  jobs: { pipeline: string; status: string; count: number }[];
  dead_letters: { pipeline: string; stage: string | null; failure_reason: string; count: number }[];
}

type Sample = [labels: Record<string, string | null>, value: number | null];

const escapeLabel = (value: string) =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");

function gauge(name: string, help: string, samples: Sample[]): string {
  const lines = samples.map(([labels, value]) => {
    const pairs = Object.entries(labels).map(([key, label]) =>
      `${key}="${escapeLabel(label ?? "")}"`
    );
    return `${name}{${pairs.join(",")}} ${value ?? 0}`;
  });
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...lines, ""].join("\n");
}

export function toPrometheus({ stages, jobs, dead_letters }: PipelineMetrics): string {
  const perStage = (figure: (stage: PipelineMetrics["stages"][number]) => number | null) =>
    stages.map((stage): Sample => [
      { pipeline: stage.pipeline, stage: stage.stage },
      figure(stage),
    ]);
  return [
    gauge(
      "pageperfect_stage_ready",
      "Messages that can be claimed now",
      perStage((s) => s.ready_count),
    ),
    gauge(
      "pageperfect_stage_sleeping",
      "Messages waiting for a retry or a crawl",
      perStage((s) => s.sleeping_count),
    ),
    gauge(
      "pageperfect_stage_in_flight",
      "Stages being worked on",
      perStage((s) => s.in_flight_count),
    ),
    gauge(
      "pageperfect_stage_max_concurrency",
      "Stages that may be worked on at once",
      perStage((s) => s.max_concurrency),
    ),
    gauge(
      "pageperfect_stage_oldest_ready_seconds",
      "Age of the oldest message that can be claimed",
      perStage((s) => s.oldest_ready_seconds),
    ),
    gauge(
      "pageperfect_jobs",
      "Jobs by status",
      jobs.map(({ pipeline, status, count }) => [{ pipeline, status }, count]),
    ),
    gauge(
      "pageperfect_dead_letters",
      "Dead letters that were not replayed",
      dead_letters.map((
        { pipeline, stage, failure_reason, count },
      ) => [{ pipeline, stage, reason: failure_reason }, count]),
    ),
  ].join("");
}
