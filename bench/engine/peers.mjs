// The peers that are libraries of node: node peers.mjs <database url> <jobs>, prints JSON.
// Each job passes six no-op stages, the next stage sent by the one before, by eight workers at once.

import pg from "pg";
import { run as runGraphile, runMigrations } from "graphile-worker";
import { PgBoss } from "pg-boss";

const [url, jobsText] = process.argv.slice(2);
const jobCount = Number(jobsText);
const stageCount = 6;
const workers = 8;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor(values.length * q)];

/** Resolves once it was called `count` times. */
function countdown(count) {
  let resolve;
  const done = new Promise((r) => resolve = r);
  return { done, one: () => --count === 0 && resolve() };
}

async function graphile() {
  await runMigrations({ connectionString: url });
  const pool = new pg.Pool({ connectionString: url, max: workers + 2 });
  pool.on("error", () => {}); // a pool without a handler is warned about
  pool.on("connect", (client) => client.on("error", () => {}));
  const add = (task, payload) =>
    pool.query("select graphile_worker.add_job($1, payload := $2::json)", [task, payload]);
  for (let i = 0; i < jobCount; i++) await add("stage", { number: 1 });

  const finished = countdown(jobCount);
  const starts = new Map();
  const waited = [];
  const started = performance.now();
  const runner = await runGraphile({
    pgPool: pool,
    concurrency: workers,
    noHandleSignals: true,
    logger: quiet(),
    taskList: {
      stage: async ({ number }, helpers) => {
        if (number < stageCount) await helpers.addJob("stage", { number: number + 1 });
        else finished.one();
      },
      ping: ({ id }) => void waited.push(performance.now() - starts.get(id)),
    },
  });
  await finished.done;
  const seconds = (performance.now() - started) / 1000;
  await sleep(500);
  for (let id = 0; id < 60; id++) {
    starts.set(id, performance.now());
    await add("ping", { id });
    await sleep(20);
  }
  await sleep(500);
  await runner.stop();
  await pool.end();
  return { seconds, p50: quantile(waited, 0.5), p95: quantile(waited, 0.95) };
}

function quiet() {
  const none = () => {};
  return { scope: quiet, error: none, warn: none, info: none, debug: none };
}

async function boss() {
  const boss = new PgBoss({
    connectionString: url,
    max: workers + 2,
    supervise: false,
    schedule: false,
  });
  await boss.start();
  for (let n = 1; n <= stageCount; n++) await boss.createQueue(`stage${n}`);
  for (let i = 0; i < jobCount; i++) await boss.send("stage1", { i });

  let left = jobCount;
  const started = performance.now();
  await Promise.all(Array.from({ length: workers }, async (_, worker) => {
    for (let turn = worker; left > 0; turn++) {
      const n = turn % stageCount + 1;
      const [job] = await boss.fetch(`stage${n}`);
      if (!job) continue;
      if (n < stageCount) await boss.send(`stage${n + 1}`, job.data);
      await boss.complete(`stage${n}`, job.id);
      if (n === stageCount) left--;
    }
  }));
  const seconds = (performance.now() - started) / 1000;
  await boss.stop({ graceful: false });
  return { seconds };
}

console.log(JSON.stringify({ graphile: await graphile(), boss: await boss() }));
process.exit(0);
