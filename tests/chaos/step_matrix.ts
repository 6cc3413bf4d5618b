// Kills a worker that goes step by step before and after each of its calls, one call at a time: what others run on
// functions/_shared must lose nothing either. The worker runs in this process; a killed one never hears of its call again.

import { type Stack, startStack } from "../../local/stack.ts";
import type { Outcome } from "./kill_matrix.ts";

const realFetch = globalThis.fetch;
let onCall: ((effect: string, call: () => Promise<Response>) => Promise<Response>) | undefined;
// Before the modules below make their client, which keeps the fetch that it finds.
globalThis.fetch = (input, init) => {
  const call = () => realFetch(input, init);
  if (!onCall) return call();
  const url = new URL(input instanceof Request ? input.url : String(input));
  return onCall(`${init?.method ?? "GET"} ${url.pathname}`, call);
};
const { invoke, two } = await import("../functions/step_worker.ts");
const { enqueueJob } = await import("../../functions/_shared/queue.ts");

const pipeline = "content";
/** What a worker may go through on its way. */
const flows = ["plain", "failing once", "another stage's message first"] as const;
type Flow = typeof flows[number];

export async function stepMatrix(
  report: (outcome: Outcome, done: number, all: number) => void = () => {},
): Promise<Outcome[]> {
  await using stack = await startStack({ ticker: false });
  Deno.env.set("SUPABASE_URL", stack.apiUrl);
  Deno.env.set("SUPABASE_SECRET_KEYS", JSON.stringify({ default: stack.secretKey }));
  const outcomes: Outcome[] = [];
  const boundaries: { flow: Flow; index: number; when: "before" | "after"; effect: string }[] = [];
  for (const flow of flows) {
    const { effects } = await run(stack, flow);
    for (const [index, effect] of effects.entries()) {
      boundaries.push({ flow, index, when: "before", effect }, {
        flow,
        index,
        when: "after",
        effect,
      });
    }
  }
  for (const { flow, index, when, effect } of boundaries) {
    const started = performance.now();
    const { problems } = await run(stack, flow, { index, when });
    const outcome = {
      function: `step by step, ${flow}`,
      when,
      effect: `${index + 1}. ${effect}`,
      faulty: false,
      recoveryMs: performance.now() - started,
      problems,
    };
    outcomes.push(outcome);
    report(outcome, outcomes.length, boundaries.length);
  }
  return outcomes;
}

/** One job of two stages, its worker killed at `kill` when there is one; the calls it made, and what is wrong afterwards. */
async function run(stack: Stack, flow: Flow, kill?: { index: number; when: "before" | "after" }) {
  const { sql } = stack;
  await sql`delete from pipeline.jobs`;
  await sql`delete from pgmq.q_content`;
  await sql`delete from pipeline.dead_letters`;
  const [collect, publish] = two(pipeline);
  let failures = flow === "failing once" ? 1 : 0;
  const { work } = collect;
  collect.work = (payload) => {
    if (failures-- > 0) throw new Error("not yet");
    return work(payload);
  };
  const [{ id }] =
    await sql`insert into content_jobs (stage, priority) values ('collect', 3) returning id`;
  await enqueueJob(pipeline, id, "collect", { topic: "tea" }, { priority: 3 });

  const effects: string[] = [];
  const killed = Promise.withResolvers<"killed">();
  onCall = async (effect, call) => {
    const isDeath = kill?.index === effects.push(effect) - 1;
    if (isDeath && kill!.when === "before") killed.resolve("killed");
    else {
      const response = await call();
      if (!isDeath) return response;
      killed.resolve("killed");
    }
    return await new Promise<never>(() => {});
  };
  const status = async () => {
    const [row] = await sql`select status from content_jobs where id = ${id}`;
    return row?.status as string;
  };
  const workers = flow === "another stage's message first"
    ? [publish, collect, publish, collect]
    : [collect, publish, collect, publish];
  let isKilled = false;
  for (let turn = 0; turn < 40 && (await status() !== "completed" || turn < 4); turn++) {
    const done = invoke(workers[turn % workers.length]);
    if (isKilled) await done;
    else if (await Promise.race([done, killed.promise]) === "killed") {
      isKilled = true;
      onCall = undefined; // who comes next lives
    }
    // Time passes: what was held is let go, what sleeps is due.
    await sql`update pgmq.q_content set vt = clock_timestamp(), message = message - 'asleep'`;
    await sql`
      update content_job_stages set lease_expires_at = clock_timestamp() - interval '1 second'
      where status = 'processing'`;
    await sql`select reap_expired_leases()`;
  }
  onCall = undefined;
  for (let i = 0; i < 3; i++) await invoke(publish);
  await sql`select mend_pipelines()`;

  const problems: string[] = [];
  if (kill && !isKilled) problems.push("the call was not made");
  const broken = await sql`select rule, detail from check_invariants()`;
  problems.push(...broken.map(({ rule, detail }) => `not so: ${rule} (${detail})`));
  const [found] = await sql`
    select
      (select string_agg(status, ',') from content_jobs) as jobs,
      (select result ->> 'article' from content_jobs) as article,
      (select string_agg(stage || ' ' || status, ',' order by stage) from content_job_stages) as stages,
      (select count(*)::int from content_payloads) as payloads,
      (select count(*)::int from pgmq.q_content) as messages,
      (select count(*)::int from content_dead_letters) as letters`;
  const expected = {
    jobs: "completed",
    article: "written on tea",
    stages: "collect completed,publish completed",
    payloads: 2,
    messages: 0,
    letters: 0,
  };
  for (const [what, value] of Object.entries(expected)) {
    if (found[what] !== value) problems.push(`${what}: ${found[what]} instead of ${value}`);
  }
  return { effects, problems };
}
