// Intake: POST {url | page_id, …} → 202 {job_id} for a page; with `site` for a whole site. For the service (secret key) and for signed-in users, whose jobs
// are theirs alone to see.
import * as v from "npm:valibot@1.5.0";
import { rpc } from "../_shared/client.ts";
import { createDoorbell, dispatcher } from "../_shared/engine/doorbell.ts";
import { readEnv } from "../_shared/platform/env.ts";
import { Failure } from "../_shared/engine/failure.ts";
import { guard, json, readJson } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { callerOf } from "../_shared/platform/users.ts";
import { runBackground } from "../_shared/runtime.ts";
import * as policy from "../_shared/wasm/policy.ts";

const CreatedJob = v.looseObject({
  job_id: v.string(),
  /** Of a page's job. */
  page_id: v.optional(v.string()),
  status: v.string(),
  created: v.boolean(),
});

/** When a user with too many open jobs may try again: about what a job takes. */
const openJobsRetrySeconds = 30;

const log = createLog({ function: "pageperfect-workflow" });

/** The caller's trace, or a new one: every log line of the job carries it. */
function traceOf(request: Request): string {
  const given = request.headers.get("traceparent");
  if (given && /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(given)) return given;
  const hex = crypto.randomUUID().replaceAll("-", "");
  return `00-${hex}-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}-01`;
}

/** What a caller is told whose job the database refuses; undefined when that is not the caller's doing. */
function refusal(error: unknown): Response | undefined {
  const code = error instanceof Failure ? error.facts.code ?? "" : "";
  const message = errorText(error).replace(/^create_\w+_job: /, "");
  if (code === "P0002") {
    return json(404, { error: "not_found", errors: [{ field: "page_id", message }] });
  }
  if (code === "53400") {
    const answer = json(429, { error: "too_many_jobs", message });
    answer.headers.set("retry-after", String(openJobsRetrySeconds));
    return answer;
  }
  if (code === "23505") {
    return json(409, {
      error: "idempotency_conflict",
      errors: [{ field: "idempotency_key", message }],
    });
  }
  if (code === "54000") {
    return json(413, { error: "too_large", errors: [{ field: "keywords", message }] });
  }
  // Class 22 is data that the database cannot take, such as a NUL in a text.
  if (!code.startsWith("22")) return undefined;
  return json(400, { error: "invalid_request", errors: [{ field: "body", message }] });
}

Deno.serve(guard(async (request) => {
  const env = readEnv();
  const caller = await callerOf(request);
  if (!caller) return json(401, { error: "unauthorized" });

  const body = await readJson<unknown>(request, undefined);
  const isSite = typeof body === "object" && body !== null && "site" in body;
  const check = (isSite ? policy.check_site_intake : policy.check_intake)(
    body,
    env.allowedHosts,
    [new URL(env.supabaseUrl).host],
  );
  if (!check.ok) return json(400, { error: "invalid_request", errors: check.errors });

  const traceparent = traceOf(request);
  let job: v.InferOutput<typeof CreatedJob>;
  try {
    job = await rpc(isSite ? "create_site_job" : "create_pageperfect_job", {
      p_request: check.request,
      p_user_id: caller.userId,
      p_traceparent: traceparent,
    }, CreatedJob);
  } catch (error) {
    const answer = refusal(error);
    if (answer === undefined) throw error;
    return answer;
  }
  log.info(job.created ? "job_created" : "job_found", { job_id: job.job_id, traceparent });
  const pipeline = isSite ? "site" : "pageperfect";
  runBackground(createDoorbell(log)(dispatcher, { pipeline }, traceparent));
  return json(202, job);
}, { checksCallersItself: true }));
