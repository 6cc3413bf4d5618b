import * as v from "npm:valibot@1.5.0";
import { deepEqual, equal, ok } from "node:assert/strict";
import { Pause } from "../../functions/_shared/engine/budget.ts";
import { EnvError } from "../../functions/_shared/platform/env.ts";
import { Failure } from "../../functions/_shared/engine/failure.ts";
import type { UnloadReason } from "../../functions/_shared/runtime.ts";
import {
  type Dependencies,
  type Stage,
  type StageContext,
  stageHandler,
  type StageResult,
} from "../../functions/_shared/engine/serve_stage.ts";
import { fakeLog, fakeRpc, testEnv, until } from "./fakes.ts";

const claim = {
  msg_id: 7,
  read_ct: 1,
  job_id: "00000000-0000-4000-8000-000000000001",
  stage: "gap_analysis",
  payload: { url: "https://example.com" },
  priority: 0,
  attempt_count: 1,
  max_attempts: 5,
  retry_delay_seconds: 10,
  max_retry_delay_seconds: 900,
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
};
const lease = { p_msg_id: 7, p_read_ct: 1 };

interface Options {
  /** What a claim gives, one after the other; null from then on. */
  claims?: unknown[];
  run?: (context: StageContext) => Promise<StageResult>;
  answers?: Record<string, (args: Record<string, unknown>) => unknown>;
  visibilitySeconds?: number;
  limits?: Partial<Dependencies["limits"]>;
  /** What the CPU meter shows, one reading after the other; the last from then on. */
  cpuMs?: number[];
}

function setUp(options: Options = {}) {
  const claims = [...options.claims ?? [claim]];
  const next = () => claims.shift() ?? null;
  const { rpc, of }: ReturnType<typeof fakeRpc> = fakeRpc({
    claim_stages: () => [next()].filter((one) => one !== null),
    commit_and_claim: async ({ p_msg_id, p_read_ct, p_output }) => ({
      ...await rpc(
        "commit_gap_analysis",
        { p_msg_id: Number(p_msg_id), p_read_ct: Number(p_read_ct), p_output },
        v.looseObject({}),
      ),
      claim: next(),
    }),
    input_gap_analysis: () => ({ top: 10 }),
    extend_lease: () => true,
    commit_gap_analysis: () => ({ status: "committed", next_stage: "rewrite_draft" }),
    defer_stage: () => ({ status: "deferred" }),
    fail_stage: ({ p_action }) => ({
      status: p_action === "retry" ? "retry_scheduled" : "dead_lettered",
    }),
    ...options.answers,
  });
  const readings = [...options.cpuMs ?? [0]];
  const log = fakeLog();
  const rings: unknown[][] = [];
  const background: Promise<unknown>[] = [];
  let ending = false;
  const unloads = new Set<(reason: UnloadReason) => void | Promise<void>>();
  const stage: Stage = {
    stage: "gap_analysis",
    run: async (_job, context) => await (options.run?.(context) ?? { output: { threshold: 0.7 } }),
  };
  const handler = stageHandler(stage, {
    rpc,
    log,
    ring: (...args) => {
      rings.push(args);
      return Promise.resolve(200);
    },
    readEnv: () => ({ ...testEnv(), visibilitySeconds: options.visibilitySeconds ?? 600 }),
    runBackground: (promise) => void background.push(promise),
    registerBeforeUnload: (fn) => {
      unloads.add(fn);
      return () => unloads.delete(fn);
    },
    isEnding: () => ending,
    limits: { cpuMs: 1_000, stageMs: 5_000, claimMs: 5_000, claimCount: 10, ...options.limits },
    cpuMs: () => readings.length > 1 ? readings.shift()! : readings[0],
  });
  return {
    log,
    rings,
    of,
    unload(reason: UnloadReason) {
      ending = true;
      return Promise.all([...unloads].map((fn) => fn(reason)));
    },
    unloads,
    post: () => call(handler),
    /** Waits for everything that runs in the background. */
    async settle() {
      for (let i = 0; i < background.length; i++) await background[i];
    },
  };
}

async function call(handler: (request: Request) => Response | Promise<Response>) {
  Deno.env.set("SUPABASE_SECRET_KEYS", '{"default":"sb_secret_default"}');
  try {
    const headers = { apikey: "sb_secret_default" };
    return await handler(new Request("http://localhost/", { method: "POST", headers }));
  } finally {
    Deno.env.delete("SUPABASE_SECRET_KEYS");
  }
}

Deno.test("nothing_to_do_is_204_without_a_body", async () => {
  const { post } = setUp({ claims: [] });
  const response = await post();
  equal(response.status, 204);
  equal(response.body, null);
});

Deno.test("accepted_work_is_answered_before_it_is_done_and_committed_once", async () => {
  const finish = Promise.withResolvers<StageResult>();
  const { post, of, rings, settle, log } = setUp({ run: () => finish.promise });
  const response = await post();
  equal(response.status, 202);
  deepEqual(await response.json(), {
    message: "gap_analysis started",
    job_id: claim.job_id,
    msg_id: 7,
    claimed_count: 1,
  });
  equal(of("commit_gap_analysis").length, 0);

  finish.resolve({ output: { threshold: 0.7, top: 10 } });
  await settle();
  const [{ p_output, ...committed }] = of("commit_gap_analysis");
  deepEqual(committed, lease);
  const { duration_ms, ...output } = p_output as Record<string, unknown>;
  deepEqual(output, { threshold: 0.7, top: 10 });
  ok(Number.isInteger(duration_ms));
  deepEqual(rings, [[
    "content-queue-dispatcher",
    { pipeline: "pageperfect", stage: "rewrite_draft" },
    claim.traceparent,
  ]]);
  deepEqual(of("claim_stages")[0], {
    p_pipeline: "pageperfect",
    p_stage: "gap_analysis",
    p_visibility_seconds: 600,
    p_count: 1,
  });
  for (const line of log.lines) {
    deepEqual([line.job_id, line.msg_id, line.attempt, line.traceparent], [
      claim.job_id,
      7,
      1,
      claim.traceparent,
    ]);
  }
});

Deno.test("a_message_without_a_job_is_acknowledged_and_the_next_one_worked_on", async () => {
  const { post, of, settle } = setUp({ claims: [{ msg_id: 3, job_id: null }, claim] });
  const response = await post();
  equal(response.status, 202);
  equal((await response.json()).msg_id, 3);
  await settle();
  equal(of("commit_gap_analysis").length, 1);
});

Deno.test("an_unreachable_queue_is_500_queue_pop_failed", async () => {
  const { post } = setUp({
    answers: {
      claim_stages: () => Promise.reject(new TypeError("connection refused")),
    },
  });
  const response = await post();
  equal(response.status, 500);
  deepEqual(await response.json(), { error: "queue_pop_failed" });
});

Deno.test("with_a_setting_missing_nothing_is_claimed", async () => {
  const { rpc, calls } = fakeRpc({});
  const stage: Stage = { stage: "gap_analysis", run: () => Promise.resolve({ output: {} }) };
  const { error } = console;
  console.error = () => {};
  const response = await call(stageHandler(stage, {
    rpc,
    readEnv: () => {
      throw new EnvError(["OPENAI_API_KEY is missing"]);
    },
  }));
  console.error = error;
  equal(response.status, 500);
  const { error: word, message } = await response.json();
  equal(word, "misconfigured");
  equal(message, "Fix the function's secrets: OPENAI_API_KEY is missing");
  equal(calls.length, 0);
});

Deno.test("within_its_budget_a_worker_goes_on_until_the_queue_is_empty", async () => {
  const { post, of, settle } = setUp({ claims: [claim, { ...claim, msg_id: 8 }] });
  await post();
  await settle();
  deepEqual(of("commit_gap_analysis").map(({ p_msg_id }) => p_msg_id), [7, 8]);
  equal(of("claim_stages").length, 1);
  equal(of("commit_and_claim").length, 2, "each commit claims the next one");
});

Deno.test("beyond_its_budget_it_leaves_the_rest_to_the_next_invocation", async () => {
  for (const limits of [{ claimMs: 0 }, { claimCount: 1 }, { cpuMs: 0 }]) {
    const { post, of, rings, settle } = setUp({ claims: [claim, { ...claim, msg_id: 8 }], limits });
    await post();
    await settle();
    equal(of("claim_stages").length + of("commit_and_claim").length, 1);
    deepEqual(rings.map(([, body]) => body), [
      { pipeline: "pageperfect", stage: "rewrite_draft" },
      { pipeline: "pageperfect", stage: "gap_analysis" },
    ]);
  }
});

Deno.test("a_failure_is_reported_with_rusts_decision", async () => {
  const { post, of, rings, settle } = setUp({
    run: () => {
      throw new Failure("slow down", { httpStatus: 429, retryAfter: "30" });
    },
  });
  await post();
  await settle();
  const [{ p_delay_seconds, ...failed }] = of("fail_stage");
  ok(Number(p_delay_seconds) >= 30 && Number(p_delay_seconds) <= 40);
  deepEqual(failed, {
    p_pipeline: "pageperfect",
    ...lease,
    p_error: {
      message: "slow down",
      code: undefined,
      http_status: 429,
      meaning: undefined,
      retryable: true,
      details: undefined,
    },
    p_action: "retry",
    p_reason: "retry_after",
  });
  deepEqual(rings, []);
});

Deno.test("a_permanent_failure_is_dead_lettered_with_its_code_as_reason", async () => {
  const { post, of, settle } = setUp({
    run: () => Promise.reject(new Failure("a PDF", { code: "not_html" })),
  });
  await post();
  await settle();
  const [{ p_action, p_reason }] = of("fail_stage");
  deepEqual([p_action, p_reason], ["dead_letter", "not_html"]);
});

Deno.test("an_errors_details_reach_the_database_and_not_the_log", async () => {
  const details = { problems: 'heading "Feeding tomatoes" is on the page already' };
  const { post, of, settle, log } = setUp({
    run: () => Promise.reject(new Failure("broken rules", { code: "draft_invalid", details })),
  });
  await post();
  await settle();
  deepEqual((of("fail_stage")[0].p_error as { details: unknown }).details, details);
  ok(!JSON.stringify(log.lines).includes("Feeding"));
});

Deno.test("a_commit_that_the_database_refuses_is_a_failure_too", async () => {
  const { post, of, settle } = setUp({
    answers: {
      commit_gap_analysis: () => {
        throw new Failure("the clusters were replaced", { code: "40001", httpStatus: 500 });
      },
    },
  });
  await post();
  await settle();
  equal(of("fail_stage")[0].p_action, "retry");
});

Deno.test("waiting_defers_and_spends_nothing", async () => {
  const defer = { delaySeconds: 20, message: "the crawl is pending", payload: { poll_count: 3 } };
  const { post, of, rings, settle } = setUp({ run: () => Promise.resolve({ defer }) });
  await post();
  await settle();
  deepEqual(of("defer_stage"), [{
    p_pipeline: "pageperfect",
    ...lease,
    p_delay_seconds: 20,
    p_message: "the crawl is pending",
    p_payload: { poll_count: 3 },
  }]);
  equal(of("fail_stage").length, 0);
  deepEqual(rings, []);
});

Deno.test("a_heartbeat_extends_the_lease_while_the_stage_runs", async () => {
  const finish = Promise.withResolvers<StageResult>();
  const { post, of, settle } = setUp({ run: () => finish.promise, visibilitySeconds: 0.09 });
  await post();
  await until(() => of("extend_lease").length >= 3, "three heartbeats");
  finish.resolve({ output: {} });
  await settle();
  deepEqual(of("extend_lease")[0], { p_pipeline: "pageperfect", ...lease, p_seconds: 0.09 });
  const beats = of("extend_lease").length;
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(of("extend_lease").length, beats);
});

Deno.test("a_lost_lease_stops_the_stage_and_writes_nothing", async () => {
  let signal: AbortSignal | undefined;
  const { post, of, settle, log } = setUp({
    visibilitySeconds: 0.03,
    answers: { extend_lease: () => false },
    run: (context) => {
      signal = context.signal;
      return new Promise(() => {});
    },
  });
  await post();
  await settle();
  equal(signal!.aborted, true);
  equal(of("commit_gap_analysis").length + of("fail_stage").length + of("defer_stage").length, 0);
  equal(log.lines.at(-2)!.event, "stage_lease_lost");
});

Deno.test("a_heartbeat_that_fails_once_is_no_lost_lease", async () => {
  const finish = Promise.withResolvers<StageResult>();
  let beats = 0;
  const { post, of, settle } = setUp({
    visibilitySeconds: 0.06,
    answers: {
      extend_lease: () => {
        if (++beats === 1) throw new TypeError("connection reset");
        return true;
      },
    },
    run: () => finish.promise,
  });
  await post();
  await until(() => beats >= 2, "a second heartbeat");
  finish.resolve({ output: {} });
  await settle();
  equal(of("commit_gap_analysis").length, 1);
});

Deno.test("a_stage_beyond_its_time_budget_fails_as_transient", async () => {
  const { post, of, settle } = setUp({
    limits: { stageMs: 20 },
    run: () => new Promise(() => {}),
  });
  await post();
  await settle();
  const [{ p_action, p_error }] = of("fail_stage");
  deepEqual([p_action, (p_error as { code: string }).code], ["retry", "timeout"]);
});

Deno.test("a_worker_told_to_go_hands_its_lease_back_without_spending_the_attempt", async () => {
  const { post, of, unload, settle } = setUp({ run: () => new Promise(() => {}) });
  await post();
  await unload("termination");
  await settle();
  deepEqual(of("defer_stage").map(({ p_delay_seconds }) => p_delay_seconds), [0]);
  equal(of("fail_stage").length, 0);
});

Deno.test("a_worker_told_to_go_claims_nothing_more", async () => {
  const { post, of, unload, settle } = setUp({
    claims: [claim, { ...claim, msg_id: 8 }],
    run: () => new Promise(() => {}),
  });
  await post();
  await unload("termination");
  await settle();
  equal((await post()).status, 503);
  equal(of("claim_stages").length, 1);
});

Deno.test("a_worker_told_to_go_hands_back_what_it_is_only_just_getting", async () => {
  for (const claiming of ["claim_stages", "commit_and_claim"]) {
    const coming = Promise.withResolvers<unknown>();
    const next = { ...claim, msg_id: 8 };
    const { post, of, unload, unloads, settle } = setUp({
      claims: [claim],
      answers: claiming === "claim_stages"
        ? { claim_stages: () => coming.promise.then(() => [next]) }
        : {
          commit_and_claim: () =>
            coming.promise.then(() => ({ status: "committed", next_stage: null, claim: next })),
        },
    });
    const answer = post();
    await until(() => of(claiming).length === 1, `${claiming} is asked`);
    const unloaded = unload("memory");
    coming.resolve(null);
    await unloaded;
    equal((await answer).status, claiming === "claim_stages" ? 204 : 202);
    await settle();
    const handedBack = of("defer_stage").filter(({ p_msg_id }) => p_msg_id === 8);
    deepEqual(handedBack.map(({ p_delay_seconds }) => p_delay_seconds), [0], claiming);
    equal(unloads.size, 0);
  }
});

Deno.test("a_commit_that_hangs_ends_with_the_time_budget", async () => {
  const { post, of, settle } = setUp({
    limits: { stageMs: 20 },
    answers: { commit_gap_analysis: () => new Promise(() => {}) },
  });
  await post();
  await settle();
  equal(of("fail_stage")[0].p_action, "retry");
});

Deno.test("a_job_that_drives_its_worker_over_a_limit_pays_with_an_attempt", async () => {
  for (const reason of ["cpu", "memory", "wall_clock"] as const) {
    const { post, of, unload, settle } = setUp({ run: () => new Promise(() => {}) });
    await post();
    await unload(reason);
    await settle();
    equal(of("defer_stage").length, 0);
    const [{ p_error }] = of("fail_stage");
    equal((p_error as { message: string }).message, `the worker reached its ${reason} limit`);
  }
});

Deno.test("a_finished_job_leaves_no_unload_handler_behind", async () => {
  const { post, unloads, settle } = setUp();
  await post();
  await settle();
  equal(unloads.size, 0);
});

Deno.test("a_failure_that_cannot_be_recorded_is_left_to_the_lease", async () => {
  const { post, settle, log } = setUp({
    run: () => Promise.reject(new Error("boom")),
    answers: { fail_stage: () => Promise.reject(new TypeError("connection refused")) },
  });
  await post();
  await settle();
  const { event, message, because } = log.lines.at(-2)!;
  deepEqual([event, message, because], ["failure_not_recorded", "boom", "connection refused"]);
});

Deno.test("a_stage_that_pauses_is_deferred_without_delay_and_rung_for_in_a_fresh_invocation", async () => {
  const { post, of, rings, settle } = setUp({
    claims: [claim, { ...claim, msg_id: 8 }],
    run: (context) => {
      context.budget.progress.staged = { digest: "d", count: 250 };
      return context.budget.pause(750);
    },
  });
  await post();
  await settle();
  deepEqual(of("defer_stage"), [{
    p_pipeline: "pageperfect",
    ...lease,
    p_delay_seconds: 0,
    p_message: "750 left for the next invocation",
    p_payload: {
      progress: { staged: { digest: "d", count: 250 }, before: { attempt: 1, left: 750 } },
    },
  }]);
  equal(of("claim_stages").length, 1, "its CPU time is spent: the rest is for another invocation");
  deepEqual(rings.map(([, body]) => body), [{ pipeline: "pageperfect", stage: "gap_analysis" }]);
});

Deno.test("a_stage_that_waits_for_a_model_sleeps_and_its_worker_takes_no_other", async () => {
  const test = setUp({
    claims: [claim, claim],
    run: () => Promise.reject(new Pause("openai/m is at its rate limit", undefined, 30)),
  });
  await test.post();
  await test.settle();
  deepEqual(test.of("defer_stage"), [{
    p_pipeline: "pageperfect",
    ...lease,
    p_delay_seconds: 30,
    p_message: "openai/m is at its rate limit",
    p_payload: { progress: { before: undefined } },
  }]);
  deepEqual([test.of("claim_stages").length, test.rings], [1, []]);
});

Deno.test("a_stage_that_pauses_without_progress_fails", async () => {
  const progress = { before: { attempt: 1, left: 750 } };
  const { post, of, settle } = setUp({
    claims: [{ ...claim, payload: { progress } }],
    run: (context) => context.budget.pause(750),
  });
  await post();
  await settle();
  equal(of("defer_stage").length, 0);
  equal((of("fail_stage")[0].p_error as { code: string }).code, "no_progress");
});

Deno.test("cpu_time_is_counted_from_the_invocations_start", async () => {
  const seen: boolean[] = [];
  const { post, settle } = setUp({
    cpuMs: [5_000, 5_900, 6_100],
    run: (context) => {
      seen.push(context.budget.isSpent, context.budget.isSpent);
      return Promise.resolve({ output: {} });
    },
  });
  await post();
  await settle();
  deepEqual(seen, [false, true]);
});
