import { deepEqual } from "node:assert/strict";
import { startStack } from "../../local/stack.ts";
import { until } from "../functions/fakes.ts";
import { Stress, stress } from "./stress.ts";
import { addTrialPipeline, connect, pipeline, type Sql, stages, violations } from "./trial.ts";

Deno.test("eight workers with short leases and stale claims lose nothing and do nothing twice", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, 6);
  const load = new Stress(() => stack.adminDbUrl, () => false);
  const setup = connect(stack.adminDbUrl);
  await load.create(setup, 40);
  await setup.end();
  const start = Date.now();
  const jobs = await stress(load, 8, () =>
    until(
      () => Date.now() - start > 15_000 && load.operations > 500,
      "500 operations",
      600_000,
    ));
  console.log(`${load.operations} operations, ${load.committed.length} commits,`, jobs);
});

Deno.test("a cancelled job waits for nobody who waits for it", async () => {
  await using stack = await startStack({ ticker: false });
  await addTrialPipeline(stack.dbUrl, 6);
  const load = new Stress(() => stack.adminDbUrl, () => false);
  let isOver = false;
  const lane = async (act: (sql: Sql) => Promise<unknown>) => {
    const sql = connect(stack.adminDbUrl);
    try {
      while (!isOver) await act(sql);
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
  const sql = connect(stack.adminDbUrl);
  const start = Date.now();
  const lanesEnd = Promise.allSettled(lanes.map(lane));
  await until(async () => {
    const [counts] = await sql`
      select count(*) filter (where status = 'cancelled')::int as cancelled,
        count(*) filter (where status = 'completed')::int as completed from pipeline.jobs`;
    return Date.now() - start > 10_000 && counts.cancelled > 50 && counts.completed > 50;
  }, "50 jobs are cancelled and 50 completed").finally(() => isOver = true);
  deepEqual((await lanesEnd).filter(({ status }) => status === "rejected"), []);
  deepEqual(await violations(sql), []);
  await sql.end();
});
