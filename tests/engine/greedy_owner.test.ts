// One greedy owner beside ten small ones, on the real claims and commits with a simulated clock: what a stage takes is
// simulated, who gets its slot is not. So the figures are the same on every machine.

import { deepEqual, equal, ok } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { showTable } from "../tables.ts";
import { addTrialPipeline, connect, pipeline, type Sql, stages, violations } from "./trial.ts";

const slots = 3;
const smallOwners = 10;
const jobsEach = 6;
/** A small owner's stage takes 10 s and they ask for about half of what there is; the greedy one's pages are hostile. */
const seconds = { small: 10, greedy: 20 };
const epoch = Date.UTC(2026, 0, 1) / 1000;

interface Running {
  endsAt: number;
  msg_id: number;
  read_ct: number;
  job_id: string;
}

/** Small owners' times from asking to the end, sorted, while `greedyJobs` of one other owner wait. */
async function simulate(sql: Sql, greedyJobs: number): Promise<number[]> {
  await sql`delete from public.trial_jobs`;
  await sql`delete from pgmq.q_trial`;
  let now = 0;
  const tick = async (to: number) => {
    now = to;
    const at = new Date((epoch + now) * 1000).toISOString();
    await sql`select set_config('pageperfect.fake_now', ${at}, false)`;
  };
  const ask = async (owner: string, count = 1) =>
    (await sql<{ id: string }[]>`
      with job as (
        insert into pipeline.jobs (pipeline, user_id, stage)
        select ${pipeline}, ${owner}, ${
      stages[0]
    } from generate_series(1, ${count}::int) returning id
      )
      select id, pipeline.queue_stage(${pipeline}, id, ${stages[0]}) from job`).map(({ id }) => id);
  await tick(0);
  const greedy = new Set(greedyJobs > 0 ? await ask(crypto.randomUUID(), greedyJobs) : []);

  // One small job every 7 s, the owners in turn.
  const arrivals = Array.from({ length: smallOwners * jobsEach }, (_, i) => ({
    at: 60 + i * 7,
    owner: `00000000-0000-4000-8000-${String(i % smallOwners).padStart(12, "0")}`,
  }));
  const askedAt = new Map<string, number>();
  const took: number[] = [];
  let running: Running[] = [];
  while (took.length < smallOwners * jobsEach) {
    for (const stage of stages) {
      for (;;) {
        const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, 3600) as got`;
        if (!got) break;
        const time = greedy.has(got.job_id) ? seconds.greedy : seconds.small;
        running.push({ ...got, endsAt: now + time });
      }
    }
    await tick(Math.min(arrivals[0]?.at ?? Infinity, ...running.map(({ endsAt }) => endsAt)));
    while (arrivals[0]?.at === now) {
      const [id] = await ask(arrivals.shift()!.owner);
      askedAt.set(id, now);
    }
    for (const { msg_id, read_ct, job_id } of running.filter(({ endsAt }) => endsAt === now)) {
      const [{ answer }] =
        await sql`select commit_stage(${pipeline}, ${msg_id}, ${read_ct}) as answer`;
      equal(answer.status, "committed");
      const asked = askedAt.get(job_id);
      if (answer.next_stage === null && asked !== undefined) took.push(now - asked);
    }
    running = running.filter(({ endsAt }) => endsAt > now);
  }
  deepEqual((await violations(sql)).filter((line) => line.includes("trial")), []);
  return took.sort((a, b) => a - b);
}

Deno.test("a greedy owner's 10,000 jobs at most double what small owners wait", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, slots);
  const sql = connect(stack.adminDbUrl);
  await sql`update pipeline.stage_config set lane = 'owner' where pipeline = ${pipeline}`;
  const p = (times: number[], q: number) => times[Math.floor(times.length * q)];
  const alone = await simulate(sql, 0);
  const beside = await simulate(sql, 10_000);
  const ratio = p(beside, 0.95) / p(alone, 0.95);
  showTable(`Ten small owners beside a greedy one (simulated seconds)`, [
    `alone                        p50 ${p(alone, 0.5)}  p95 ${p(alone, 0.95)}`,
    `beside 10,000 greedy jobs    p50 ${p(beside, 0.5)}  p95 ${p(beside, 0.95)}  ratio ${
      ratio.toFixed(2)
    }`,
  ]);
  ok(ratio <= 2, `p95 ${p(alone, 0.95)} s alone, ${p(beside, 0.95)} s beside the greedy one`);
  await sql.end();
});
