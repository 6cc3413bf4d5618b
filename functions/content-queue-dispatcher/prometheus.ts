// Prometheus' text format of the pipelines' figures.
import * as v from "npm:valibot@1.5.0";

/** What `pipeline_metrics()` gives, as far as it is used here. */
export const PipelineMetrics = v.looseObject({
  stages: v.array(v.looseObject({
    pipeline: v.string(),
    stage: v.string(),
    max_concurrency: v.number(),
    ready_count: v.number(),
    sleeping_count: v.number(),
    in_flight_count: v.number(),
    oldest_ready_seconds: v.nullable(v.number()),
  })),
  jobs: v.array(v.looseObject({ count: v.number(), pipeline: v.string(), status: v.string() })),
  dead_letters: v.array(v.looseObject({
    count: v.number(),
    pipeline: v.string(),
    stage: v.nullable(v.string()),
    failure_reason: v.string(),
  })),
});
export type PipelineMetrics = v.InferOutput<typeof PipelineMetrics>;

/** What `model_metrics()` gives; `usage` is of the last 24 hours. */
export const ModelMetrics = v.looseObject({
  usage: v.array(v.looseObject({
    provider: v.string(),
    model: v.string(),
    call_count: v.number(),
    input_tokens: v.number(),
    output_tokens: v.number(),
    cost_usd: v.nullable(v.number()),
  })),
  limits: v.array(v.looseObject({
    provider: v.string(),
    model: v.string(),
    unit: v.string(),
    blocked_seconds: v.nullable(v.number()),
  })),
});
export type ModelMetrics = v.InferOutput<typeof ModelMetrics>;

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

export function toPrometheus(
  { stages, jobs, dead_letters, models }: PipelineMetrics & { models: ModelMetrics },
): string {
  const used = models.usage.map((usage) => ({
    labels: { provider: usage.provider, model: usage.model },
    ...usage,
  }));
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
    gauge(
      "pageperfect_model_calls_last_day",
      "Calls to models that were answered, last 24 hours",
      used.map(({ labels, call_count }) => [labels, call_count]),
    ),
    gauge(
      "pageperfect_model_tokens_last_day",
      "Tokens used, last 24 hours",
      used.flatMap(({ labels, input_tokens, output_tokens }): Sample[] => [
        [{ ...labels, direction: "input" }, input_tokens],
        [{ ...labels, direction: "output" }, output_tokens],
      ]),
    ),
    gauge(
      "pageperfect_model_cost_usd_last_day",
      "Dollars at the prices in model_prices, last 24 hours; models without a price are left out",
      used.filter(({ cost_usd }) => cost_usd !== null)
        .map(({ labels, cost_usd }) => [labels, cost_usd]),
    ),
    gauge(
      "pageperfect_model_blocked_seconds",
      "Seconds until a model that refused a call may be called again",
      models.limits.filter(({ unit }) => unit === "requests")
        .map(({ provider, model, blocked_seconds }) => [{ provider, model }, blocked_seconds]),
    ),
  ].join("");
}
