// The embeddings of a text that somebody writes, so that its coverage can be shown beside it: POST {job_id, passages} → {model,
// dimensions, vectors}. For the service, the job's own user, and operators. Who pays is the job's owner, within their ceilings.
import * as v from "npm:valibot@1.5.0";
import { rpc } from "../_shared/client.ts";
import { Budget, cpuMs, Pause } from "../_shared/engine/budget.ts";
import { factsOf } from "../_shared/engine/failure.ts";
import { cachedVectors, embed } from "../_shared/models/embeddings.ts";
import { readEnv } from "../_shared/platform/env.ts";
import { guard, json, readJson } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { callerOf } from "../_shared/platform/users.ts";

/** A draft has some thousand characters; this is as much as the editor takes. */
const most = { passages: 100, characters: 50_000, bytes: 400_000 };
const timeoutMs = 60_000;
/** What the calls are booked under, beside the stages of the job. */
const stage = "editing";

/** What the page was embedded with; null: a later job has replaced its passages. */
const Embedded = v.nullable(v.looseObject({ model: v.string(), dimensions: v.number() }));

const log = createLog({ function: "pageperfect-embed-passages" });

const refuse = (status: number, error: string, message: string, retryAfter?: number) => {
  const answer = json(status, { error, message });
  if (retryAfter !== undefined) answer.headers.set("retry-after", String(retryAfter));
  return answer;
};

function isRequest(body: unknown): body is { job_id: string; passages: string[] } {
  const { job_id, passages } = (body ?? {}) as Record<string, unknown>;
  return typeof job_id === "string" &&
    /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(job_id) &&
    Array.isArray(passages) && passages.length > 0 && passages.length <= most.passages &&
    passages.every((passage) => typeof passage === "string" && passage.trim() !== "") &&
    passages.reduce((sum, passage) => sum + passage.length, 0) <= most.characters;
}

Deno.serve(guard(async (request) => {
  const caller = await callerOf(request);
  if (!caller) return json(401, { error: "unauthorized" });
  const startMs = cpuMs();
  const env = readEnv(["embeddings"]);
  const body = await readJson<unknown>(request, undefined, most.bytes);
  if (!isRequest(body)) {
    return refuse(
      400,
      "invalid_request",
      `send {"job_id": "…", "passages": ["…"]}: 1 to ${most.passages} passages, ` +
        `${most.characters} characters together`,
    );
  }
  const { job_id, passages } = body;
  const { model, dimensions } = env.embedding;
  let of: v.InferOutput<typeof Embedded>;
  try {
    of = await rpc("admit_passages", {
      p_job_id: job_id,
      p_user_id: caller.userId,
      p_bytes: passages.reduce((sum, passage) => sum + passage.length, 0),
    }, Embedded);
  } catch (error) {
    const message = errorText(error).replace(/^admit_passages: /, "");
    const { code } = factsOf(error);
    if (code === "P0002") return refuse(404, "not_found", message);
    if (code === "42501") return refuse(403, "forbidden", message);
    if (code === "53400") return refuse(429, "quota_exceeded", message, 3600);
    throw error;
  }
  if (of?.model !== model || of.dimensions !== dimensions) {
    return refuse(
      409,
      "other_model",
      of
        ? `the analysis was made with ${of.model}, and ${model} is set now: analyse the page again`
        : "a later analysis has replaced the page's passages: open its report",
    );
  }
  const job = { job_id, stage };
  // Nothing is left to a later invocation of this one's: what was embedded is in the cache, and the caller asks again.
  const budget = new Budget(
    { ...job, payload: {}, attempt_count: 1 },
    () => cpuMs() - startMs,
  );
  const signal = AbortSignal.any([AbortSignal.timeout(timeoutMs), request.signal]);
  const context = { env, rpc, log, job, budget, signal, purpose: "passage" as const };
  try {
    await embed(passages, context);
    return json(200, { model, dimensions, vectors: await cachedVectors(passages, context) });
  } catch (error) {
    if (error instanceof Pause) {
      return refuse(429, "try_again", error.message, Math.max(1, error.delaySeconds));
    }
    const { code, httpStatus } = factsOf(error);
    log.warn("not_embedded", { job_id, code, http_status: httpStatus });
    if (code?.startsWith("2") || code === "database_unreachable") throw error;
    return refuse(
      502,
      code ?? "model_failed",
      "The embedding model gave no answer that can be used.",
    );
  }
}, { checksCallersItself: true }));
