import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { Budget, limits } from "../../functions/_shared/engine/budget.ts";
import { callModel, rateLimits } from "../../functions/_shared/models/model_calls.ts";
import { fakeLog, fakeRpc, testJob } from "./fakes.ts";

const settings = { provider: "openai", api: "openai", model: "m" } as const;
const refusal = (headers: Record<string, string>) =>
  Object.assign(new Error("429 slow down"), { status: 429, headers: new Headers(headers) });

/** A call for which the database says to wait, time after time. */
function setUp(waits: number[], progress: Record<string, unknown> = {}) {
  const { rpc, of } = fakeRpc({
    begin_model_call: () => waits.shift() ?? 0,
    end_model_call: () => null,
  });
  const budget = new Budget({ ...testJob, payload: { progress } }, () => 0);
  const stop = new AbortController();
  const context = { job: testJob, rpc, log: fakeLog(), signal: stop.signal, budget };
  const answers: unknown[] = [];
  return {
    of,
    budget,
    stop,
    answers,
    callCount: 0,
    call(timeoutMs = 1_000) {
      return callModel(settings, 100, timeoutMs, context, () => {
        this.callCount++;
        const answer = answers.shift();
        if (answer) throw answer;
        return Promise.resolve({
          value: "text",
          usage: { input_tokens: 90, output_tokens: 5 },
          headers: new Headers({
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-remaining-requests": "59",
          }),
        });
      });
    },
  };
}

Deno.test("the_headers_of_openai_azure_and_anthropic_are_understood", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const read = (headers: Record<string, string>) =>
    rateLimits(new Headers(headers), now).map((limit) => Object.values(limit));
  deepEqual(
    read({
      "x-ratelimit-limit-requests": "5000",
      "x-ratelimit-remaining-requests": "4999",
      "x-ratelimit-reset-requests": "12ms",
      "x-ratelimit-limit-tokens": "160000",
      "x-ratelimit-remaining-tokens": "100",
      "x-ratelimit-reset-tokens": "1h6m0.5s",
    }),
    [["requests", 5000, 4999, 0.012], ["tokens", 160000, 100, 3960.5]],
  );
  deepEqual(
    read({
      "anthropic-ratelimit-requests-limit": "50",
      "anthropic-ratelimit-requests-remaining": "49",
      "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:01.5Z",
      "anthropic-ratelimit-output-tokens-limit": "8000",
      "anthropic-ratelimit-output-tokens-remaining": "0",
      "anthropic-ratelimit-output-tokens-reset": "2025-12-31T23:59:59Z",
    }),
    [["requests", 50, 49, 1.5], ["output_tokens", 8000, 0, 0]],
  );
  deepEqual(
    read({
      "x-ratelimit-limit-tokens": "-1",
      "x-ratelimit-remaining-tokens": "-1",
      "x-ratelimit-limit-requests": "10",
      "x-ratelimit-remaining-requests": "9",
      "x-ratelimit-reset-requests": String(now / 1000 + 20),
    }),
    [["requests", 10, 9, 20]],
    "-1 is Azure's word for none",
  );
  deepEqual(
    read({ "x-ratelimit-limit-requests": "soon", "x-ratelimit-remaining-requests": "" }),
    [],
  );
  deepEqual(rateLimits(undefined), []);
});

Deno.test("a_short_wait_is_waited_out_and_the_answer_is_noted", async () => {
  const test = setUp([0.05, 0.02]);
  const start = performance.now();
  equal(await test.call(), "text");
  ok(performance.now() - start >= 70);
  equal(test.of("begin_model_call").length, 3, "it asks again after each wait");
  const [end] = test.of("end_model_call");
  deepEqual([end.p_job_id, end.p_stage, end.p_tokens], [testJob.job_id, testJob.stage, 100]);
  deepEqual(end.p_usage, { input_tokens: 90, output_tokens: 5 });
  deepEqual(end.p_limits, [{ unit: "requests", limit: 60, remaining: 59, reset_seconds: null }]);
  equal(test.budget.progress.blocked, undefined);
});

Deno.test("a_long_wait_is_for_the_queue_and_so_is_one_that_leaves_the_call_no_time", async () => {
  const long = setUp([limits.waitMs / 1000 + 0.2]);
  await rejects(long.call(), { name: "Pause", delaySeconds: 6, message: /^openai\/m is at its/ });
  equal(long.callCount, 0);
  const late = setUp([2]);
  await rejects(late.call(limits.stageMs - 1_000), { name: "Pause", delaySeconds: 2 });
});

Deno.test("a_refusal_holds_for_all_and_costs_no_attempt", async () => {
  const test = setUp([0, 0.02]);
  test.answers.push(refusal({ "retry-after": "3" }));
  equal(await test.call(), "text");
  const [refused, answered] = test.of("end_model_call");
  deepEqual([refused.p_blocked_seconds, refused.p_usage], [3, undefined]);
  deepEqual([answered.p_blocked_seconds, test.callCount], [undefined, 2]);

  const silent = setUp([]);
  silent.answers.push(refusal({}));
  await silent.call();
  equal(silent.of("end_model_call")[0].p_blocked_seconds, 10, "a refusal that names no time");

  const hasty = setUp([]);
  hasty.answers.push(refusal({ "retry-after": "0" }));
  await hasty.call();
  equal(hasty.of("end_model_call")[0].p_blocked_seconds, 1, "nobody is asked again at once");
});

Deno.test("an_empty_account_is_no_rate_limit", async () => {
  const test = setUp([]);
  test.answers.push(Object.assign(refusal({}), { code: "insufficient_quota" }));
  await rejects(test.call(), { code: "insufficient_quota" });
  equal(test.of("end_model_call").length, 0);
});

Deno.test("a_job_does_not_wait_for_ever", async () => {
  const since = Date.now() - limits.blockedMs;
  const waiting = setUp([60], { blocked: { attempt: 1, since: since + 5_000 } });
  await rejects(waiting.call(), (pause: Error) => {
    equal(pause.name, "Pause");
    const { progress } = waiting.budget.payload(pause as never) as {
      progress: { blocked: unknown };
    };
    deepEqual(progress.blocked, { attempt: 1, since: since + 5_000 }, "it remembers since when");
    return true;
  });
  const tooLong = setUp([60], { blocked: { attempt: 1, since } });
  await rejects(tooLong.call(), { facts: { code: "rate_limited", kind: "transient" } });
  const nextAttempt = setUp([60], { blocked: { attempt: 0, since } });
  await rejects(nextAttempt.call(), { name: "Pause" });
  const through = setUp([], { blocked: { attempt: 1, since } });
  equal(await through.call(), "text");
  equal(through.budget.progress.blocked, undefined, "a call that comes through ends the wait");
});

Deno.test("a_worker_that_must_stop_waits_no_longer", async () => {
  const test = setUp([4]);
  const call = test.call();
  setTimeout(() => test.stop.abort(new Error("lease lost")), 20);
  // Timers run in the order of their times, however late they are.
  let isOver = false;
  const timer = setTimeout(() => isOver = true, 2_000);
  await rejects(call, /lease lost/);
  clearTimeout(timer);
  ok(!isOver);
});

Deno.test("an_answer_is_worth_more_than_the_note_about_it", async () => {
  const test = setUp([]);
  const log = fakeLog();
  const { rpc } = fakeRpc({
    begin_model_call: () => 0,
    end_model_call: () => {
      throw new Error("the database is away");
    },
  });
  const context = { job: testJob, rpc, log, signal: test.stop.signal, budget: test.budget };
  const usage = { input_tokens: 1, output_tokens: 1 };
  const call = () => Promise.resolve({ value: "text", usage });
  equal(await callModel(settings, 1, 1, context, call), "text");
  match(String(log.lines[0].message), /database is away/);
});
