// POST: takes back what dead workers held and rings the workers that have something to do, on every pipeline.
// GET: the pipelines' figures, as JSON or, with ?format=prometheus or Accept: text/plain, for Prometheus.
import { rpc } from "../_shared/client.ts";
import { createDoorbell } from "../_shared/engine/doorbell.ts";
import { corsHeaders, guard, json, readJson } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { ModelMetrics, PipelineMetrics, toPrometheus } from "./prometheus.ts";

const log = createLog({ function: "content-queue-dispatcher" });

async function dispatch(request: Request): Promise<Response> {
  const { pipeline } = await readJson<{ pipeline?: string }>(request, {});
  const traceparent = request.headers.get("traceparent") ?? undefined;
  const ring = createDoorbell(log);
  let reaped, plan;
  try {
    // Reaping first: what it frees belongs into the plan.
    reaped = await rpc("reap_expired_leases");
    plan = await rpc("dispatch_plan", { p_pipeline: pipeline ?? null }) ?? [];
  } catch (error) {
    log.error("dispatch_failed", { message: errorText(error) });
    return json(500, { error: "dispatch_failed" });
  }

  // A worker answers as soon as it has claimed, so waiting for all of them takes no longer than a cold start.
  const calls = plan.flatMap(({ pipeline, stage, worker, trigger_count }) =>
    Array.from({ length: trigger_count }, async () => ({
      worker,
      stage,
      http_status: await ring(worker, { pipeline, stage }, traceparent),
    }))
  );
  return json(200, { reaped, invoked: await Promise.all(calls) });
}

async function metrics(request: Request): Promise<Response> {
  const [pipelines, models] = await Promise.all([
    rpc("pipeline_metrics", {}, PipelineMetrics),
    rpc("model_metrics", {}, ModelMetrics),
  ]);
  const figures = { ...pipelines, models };
  const asText = new URL(request.url).searchParams.get("format") === "prometheus" ||
    /^text\/plain/.test(request.headers.get("accept") ?? "");
  if (!asText) return json(200, figures);
  return new Response(toPrometheus(figures), {
    headers: { ...corsHeaders, "content-type": "text/plain; version=0.0.4; charset=utf-8" },
  });
}

Deno.serve(
  guard((request) => request.method === "GET" ? metrics(request) : dispatch(request), {
    methods: ["GET", "POST"],
  }),
);
