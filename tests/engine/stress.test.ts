import { deepEqual, ok } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { Stress, stress } from "./stress.ts";
import { addTrialPipeline, connect, pipeline, type Sql, stages, violations } from "./trial.ts";

Deno.test("eight workers with short leases and stale claims lose nothing and do nothing twice", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, 6);
  const load = new Stress(() => stack.adminDbUrl, () => false);
  const setup = connect(stack.adminDbUrl);
  await load.create(setup, 40);
  await setup.end();
  const jobs = await stress(load, 8, () => new Promise((resolve) => setTimeout(resolve, 15_000)));
  console.log(`${load.operations} operations, ${load.committed.length} commits,`, jobs);
  ok(load.operations > 500, `only ${load.operations} operations in 15 s`);
});

Deno.test("a cancelled job waits for nobody who waits for it", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, 6);
  const load = new Stress(() => stack.adminDbUrl, () => false);
  const until = Date.now() + 10_000;
  const lane = async (act: (sql: Sql) => Promise<unknown>) => {
    const sql = connect(stack.adminDbUrl);
    try {
      while (Date.now() < until) await act(sql);
    } finally {
      await sql.end();
    }
  };
  const create = async (sql: Sql) => {
    await load.create(sql, 1);
    await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const work = async (sql: Sql) => {
    for (const stage of stages) {
      const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, 1) as got`;
      if (got) await sql`select commit_stage(${pipeline}, ${got.msg_id}, ${got.read_ct}, '{}')`;
    }
  };
  // One of the newest, which are at work.
  const cancel = async (sql: Sql) => {
    const id = load.created.at(-1 - Math.floor(Math.random() * 6));
    if (id) await sql`select cancel_job(${pipeline}, ${id})`;
    await new Promise((resolve) => setTimeout(resolve));
  };
  const lanes = [
    create,
    create,
    work,
    work,
    work,
    work,
    work,
    work,
    cancel,
    cancel,
    cancel,
    cancel,
  ];
  const ends = await Promise.allSettled(lanes.map(lane));
  deepEqual(ends.filter(({ status }) => status === "rejected"), []);

  const sql = connect(stack.adminDbUrl);
  deepEqual(await violations(sql), []);
  const [counts] = await sql`
    select count(*) filter (where status = 'cancelled')::int as cancelled,
      count(*) filter (where status = 'completed')::int as completed from pipeline.jobs`;
  ok(counts.cancelled > 50 && counts.completed > 50, JSON.stringify(counts));
  await sql.end();
});
