import { deepEqual, equal, ok } from "node:assert/strict";
import Anthropic from "npm:@anthropic-ai/sdk@1.12.0";
import OpenAI from "npm:openai@7.57.0";
import { Failure, judge, retryDelaySeconds } from "../../functions/_shared/engine/failure.ts";

const attempt = {
  attempt_count: 1,
  max_attempts: 5,
  retry_delay_seconds: 10,
  max_retry_delay_seconds: 900,
};

async function openAiError(status: number, body: unknown, headers: Record<string, string> = {}) {
  const client = new OpenAI({
    apiKey: "sk-test",
    maxRetries: 0,
    fetch: () => Promise.resolve(Response.json(body, { status, headers })),
  });
  return await client.models.list().then(() => null, (error: unknown) => error);
}

Deno.test("a_rate_limit_waits_at_least_as_long_as_retry_after_says", async () => {
  for (
    const [headers, least] of [
      [{ "retry-after": "40" }, 40],
      [{ "retry-after-ms": "2500" }, 3],
      [{ "retry-after": new Date(Date.now() + 60_000).toUTCString() }, 58],
    ] as [Record<string, string>, number][]
  ) {
    const error = await openAiError(429, { error: { message: "slow down" } }, headers);
    const verdict = judge(error, attempt);
    equal(verdict.action, "retry");
    equal(verdict.error.http_status, 429);
    ok(verdict.delaySeconds >= least, `${verdict.delaySeconds} < ${least}`);
    ok(verdict.delaySeconds <= least + 12, `${verdict.delaySeconds}`);
  }
});

Deno.test("an_empty_account_is_permanent_though_it_answers_429", async () => {
  const body = { error: { message: "quota", code: "insufficient_quota" } };
  const verdict = judge(await openAiError(429, body), attempt);
  deepEqual([verdict.action, verdict.reason], ["dead_letter", "insufficient_quota"]);
  equal(verdict.error.retryable, false);
});

Deno.test("server_errors_and_broken_connections_are_tried_again", async () => {
  equal(judge(await openAiError(503, {}), attempt).action, "retry");
  const client = new Anthropic({
    apiKey: "sk-ant",
    maxRetries: 0,
    fetch: () => Promise.reject(new TypeError("connection reset")),
  });
  const error = await client.models.list().then(() => null, (error: unknown) => error);
  const verdict = judge(error, attempt);
  deepEqual([verdict.action, verdict.error.code], ["retry", "connection_failed"]);
});

Deno.test("an_invalid_key_is_permanent_and_its_code_is_the_reason", async () => {
  const body = { error: { message: "Incorrect API key", code: "invalid_api_key" } };
  const verdict = judge(await openAiError(401, body), attempt);
  deepEqual([verdict.action, verdict.reason], ["dead_letter", "invalid_api_key"]);
});

Deno.test("used_up_attempts_end_in_the_dead_letters", () => {
  const verdict = judge(new Error("boom"), { ...attempt, attempt_count: 5 });
  deepEqual([verdict.action, verdict.reason], ["dead_letter", "attempts_exhausted"]);
  deepEqual(verdict.error, {
    message: "boom",
    code: "unexpected_error",
    meaning: undefined,
    http_status: undefined,
    retryable: true,
    details: undefined,
  });
});

Deno.test("a_lost_race_in_the_database_is_tried_again_and_bad_data_is_not", () => {
  const of = (code: string, httpStatus: number) =>
    judge(new Failure("sql", { code, httpStatus }), attempt).action;
  equal(of("40001", 500), "retry");
  equal(of("57014", 500), "retry");
  equal(of("22023", 400), "dead_letter");
  equal(of("P0002", 400), "dead_letter");
});

Deno.test("what_was_classified_before_stays_so", () => {
  const failure = new Failure("gone", { code: "http_404", httpStatus: 404, kind: "transient" });
  equal(judge(failure, attempt).action, "retry");
});

Deno.test("delays_grow_with_the_attempts_up_to_the_cap", () => {
  const longest = (attempt_count: number) =>
    Math.max(
      ...Array.from({ length: 200 }, () => retryDelaySeconds({ ...attempt, attempt_count })),
    );
  ok(longest(1) <= 10 && longest(1) > 5);
  ok(longest(4) <= 80 && longest(4) > 40);
  ok(longest(30) <= 900 && longest(30) > 450);
});
