// The engine's speed, beside its peers', on one embedded Postgres in one run.
//   ./pageperfect bench engine [--quick] [--soak <seconds>] [--json]
// Fails below the bars at the end of this file. Method: docs/performance.md.

import { Command } from "npm:commander@15.1.0";
import postgres, { type Sql } from "npm:postgres@3.4.9";
import { cacheDir, exists, root, sha256 } from "../../local/paths.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { pipeline, queue, stages, workerCount } from "./pipeline.ts";
import { reportTimes } from "./report.ts";

const options = new Command("bench engine")
  .option("--quick", "a tenth of the work: for a look, not for numbers")
  .option("--soak <seconds>", "length of the soak", Number)
  .option("--json", "print JSON instead of tables")
  .parse(Deno.args, { from: "user" })
  .opts<{ quick?: boolean; soak?: number; json?: boolean }>();
const scale = options.quick ? 0.1 : 1;
const soakSeconds = options.soak ?? (options.quick ? 5 : 30);
const progress = (line: string) => console.error(`… ${line}`);

function quantile(values: number[], q: number): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length * q)];
}
const median = (values: number[]) => quantile(values, 0.5);

/** `count` connections, each of its own. */
function connections(url: string, count: number): Sql[] {
  return Array.from({ length: count }, () => postgres(url, { max: 1, onnotice: () => {} }));
}

async function emptyPipeline(sql: Sql, tries = 5): Promise<void> {
  try {
    await sql.unsafe(
      `truncate pipeline.jobs, pipeline.dead_letters, pgmq.${queue}, pgmq.a_${pipeline} cascade`,
    );
  } catch (error) {
    // A worker of the measurement before may still hold what the truncation has not locked yet.
    if ((error as { code?: string }).code !== "40P01" || tries === 0) throw error;
    await emptyPipeline(sql, tries - 1);
  }
}

async function createJobs(sql: Sql, count: number) {
  await sql`select create_content_job() from generate_series(1, ${count}::int)`;
  await sql.unsafe("vacuum analyze");
}

/** Calls that `work` made to the database. */
let calls = 0;

/**
 * Works until `done`, as a worker does: an invocation claims, and each of its commits claims the next of its stage, ten
 * jobs at most. The number of transitions.
 */
async function work(workers: Sql[], done: (ended: number) => boolean): Promise<number> {
  let ended = 0, transitions = 0;
  await Promise.all(workers.map(async (sql, worker) => {
    for (let turn = worker; !done(ended); turn++) {
      const stage = stages[turn % stages.length];
      calls++;
      let [{ claim }] = await sql`select claim_stage(${pipeline}, ${stage}, 600) as claim`;
      for (let count = 1; claim !== null; count++) {
        const isLast = count === 10 || done(ended);
        calls++;
        const [{ answer }] = isLast
          ? await sql`
            select commit_stage(${pipeline}, ${claim.msg_id}, ${claim.read_ct}) as answer`
          : await sql`
            select commit_and_claim(${pipeline}, ${stage}, ${claim.msg_id}, ${claim.read_ct}, '{}', 600)
              as answer`;
        transitions++;
        if (answer.next_stage === null) ended++;
        claim = isLast ? null : answer.claim;
      }
    }
  }));
  return transitions;
}

const seconds = async (run: () => Promise<unknown>) => {
  const started = performance.now();
  await run();
  return (performance.now() - started) / 1000;
};

async function engineChains(sql: Sql, workers: Sql[], jobs: number): Promise<number> {
  await emptyPipeline(sql);
  await createJobs(sql, jobs);
  return await seconds(() => work(workers, (ended) => ended >= jobs));
}

/** pgmq as it comes: read one, archive one. No job, no stage, no state. */
async function rawPgmq(sql: Sql, workers: Sql[], messages: number): Promise<number> {
  await sql`select pgmq.create('bench')`;
  await sql`
    select pgmq.send('bench', jsonb_build_object('job_id', i, 'stage', 'a'))
    from generate_series(1, ${messages}::int) as i`;
  await sql.unsafe("vacuum analyze");
  const time = await seconds(() =>
    Promise.all(workers.map(async (sql) => {
      for (;;) {
        const [message] = await sql`select msg_id from pgmq.read('bench', 600, 1)`;
        if (!message) return;
        await sql`select pgmq.archive('bench', ${message.msg_id}::bigint)`;
      }
    }))
  );
  await sql`select pgmq.drop_queue('bench')`;
  return time;
}

const backlogs: Record<string, { count: number; stage: string; asleep: boolean }> = {
  "empty": { count: 0, stage: "", asleep: false },
  "10,000 messages of another owner": { count: 10_000, stage: "", asleep: false },
  "10,000 messages of other stages": { count: 10_000, stage: "qa", asleep: false },
  "10,000 sleeping messages of the stage": { count: 10_000, stage: "research", asleep: true },
  "100,000 messages of other stages": { count: 100_000, stage: "qa", asleep: false },
};

/** Median milliseconds of one claim, with each backlog; rounds in turn, so that noise hits all. */
async function claimTimes(sql: Sql, one: Sql, claims: number): Promise<Record<string, number>> {
  const times: Record<string, number[]> = {};
  const timeClaims = async (name: string) => {
    for (let i = 0; i < claims; i++) {
      const started = performance.now();
      const [{ claim }] = await one`select claim_stage(${pipeline}, 'research', 600) as claim`;
      (times[name] ??= []).push(performance.now() - started);
      await one`select commit_stage(${pipeline}, ${claim.msg_id}, ${claim.read_ct})`;
    }
  };
  for (let round = 0; round < 3; round++) {
    for (const [name, { count, stage, asleep }] of Object.entries(backlogs)) {
      await emptyPipeline(sql);
      if (name.endsWith("another owner")) {
        await sql`
          with job as (
            insert into pipeline.jobs (pipeline, user_id, stage)
            select ${pipeline}, '00000000-0000-4000-8000-000000000001', 'research'
            from generate_series(1, ${count}::int) returning id
          )
          select pipeline.queue_stage(${pipeline}, id, 'research') from job`;
        await createJobs(sql, claims);
        await timeClaims(name);
        continue;
      }
      const visible = new Date(Date.now() + (asleep ? 3_600_000 : 0)).toISOString();
      await sql`
        select pipeline.send_message(${pipeline}, pipeline.put_to_sleep(
          jsonb_build_object('job_id', gen_random_uuid(), 'stage', ${stage}::text, 'rank', -1),
          ${visible}, now()), ${visible})
        from generate_series(1, ${count}::int)`;
      await createJobs(sql, claims);
      await timeClaims(name);
    }
  }
  return Object.fromEntries(Object.entries(times).map(([name, all]) => [name, median(all)]));
}

/** The same question to pgmq: a read filtered by stage, among messages of other stages. */
async function filteredReadTime(sql: Sql, foreign: number, reads: number): Promise<number> {
  await sql`select pgmq.create('bench')`;
  await sql`
    select pgmq.send('bench', '{"stage": "b"}') from generate_series(1, ${foreign}::int)`;
  await sql`select pgmq.send('bench', '{"stage": "a"}') from generate_series(1, ${reads}::int)`;
  await sql.unsafe("vacuum analyze");
  const times: number[] = [];
  for (let i = 0; i < reads; i++) {
    const started = performance.now();
    const [{ msg_id }] = await sql`select msg_id from pgmq.read('bench', 600, 1, '{"stage": "a"}')`;
    times.push(performance.now() - started);
    await sql`select pgmq.archive('bench', ${msg_id}::bigint)`;
  }
  await sql`select pgmq.drop_queue('bench')`;
  return median(times);
}

/** A job that waits for nothing: from its creation to its first stage's claim, by the next call. */
async function enqueueToStart(sql: Sql, samples: number): Promise<number[]> {
  await emptyPipeline(sql);
  const times: number[] = [];
  for (let i = 0; i < samples; i++) {
    const started = performance.now();
    await sql`select create_content_job()`;
    const [{ claim }] = await sql`select claim_stage(${pipeline}, 'research', 600) as claim`;
    times.push(performance.now() - started);
    await sql`select commit_stage(${pipeline}, ${claim.msg_id}, ${claim.read_ct})`;
  }
  return times;
}

/**
 * The same through everything that is deployed: intake, doorbell, dispatcher, worker. From the moment
 * the job is queued to the moment a worker has claimed it.
 */
async function doorbellToStart(stack: Stack, samples: number): Promise<number[]> {
  const waited: number[] = [];
  const warmUp = 5;
  for (let i = -warmUp; i < samples; i++) {
    const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
      method: "POST",
      headers: { apikey: stack.secretKey, "content-type": "application/json" },
      body: JSON.stringify({ url: `https://example.com/${i}` }),
    });
    const { job_id } = await response.json();
    if (response.status !== 202) throw new Error(`intake answered ${response.status}`);
    for (let tries = 0;; tries++) {
      const [event] = await stack.sql`
        select (metadata ->> 'waited_ms')::float as waited_ms from pageperfect_job_events
        where job_id = ${job_id} and stage = 'submit_crawl' and status = 'started'`;
      if (event) {
        if (i >= 0) waited.push(event.waited_ms);
        break;
      }
      if (tries > 2000) throw new Error(`job ${job_id} was not started within 20 s`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await stack.sql`select cancel_job('pageperfect', ${job_id})`;
  }
  return waited;
}

async function gatewayWorkers(stack: Stack, style: string, jobs: number): Promise<number> {
  await emptyPipeline(stack.sql);
  await createJobs(stack.sql, jobs);
  return Number(
    await output(Deno.execPath(), [
      "run",
      "-A",
      "--quiet",
      `${root}/bench/engine/gateway_workers.ts`,
      style,
      String(jobs),
    ], { SUPABASE_URL: stack.apiUrl, SUPABASE_SERVICE_ROLE_KEY: stack.serviceRoleKey }),
  );
}

async function output(
  command: string,
  args: string[],
  env: Record<string, string> = {},
  cwd = root,
): Promise<string> {
  const { code, stdout } = await new Deno.Command(command, {
    args,
    env,
    cwd,
    stdin: "null",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} failed (exit ${code})`);
  return new TextDecoder().decode(stdout).trim();
}

interface Peers {
  graphile: { seconds: number; p50: number; p95: number };
  boss: { seconds: number };
}

/** Runs the peers in a database of their own, with the node and the packages that they need. */
async function peers(stack: Stack, jobs: number): Promise<Peers> {
  const here = `${root}/bench/engine`;
  const manifest = await Deno.readTextFile(`${here}/peers.json`);
  const dir = `${cacheDir}/bench-peers-${sha256(manifest).slice(0, 12)}`;
  if (!await exists(`${dir}/installed`)) {
    progress("installing graphile-worker, pg-boss and their node (once)");
    await Deno.mkdir(dir, { recursive: true });
    await Deno.writeTextFile(`${dir}/package.json`, manifest);
    await output("npm", ["install", "--no-audit", "--no-fund", "--loglevel=error"], {}, dir);
    await Deno.writeTextFile(`${dir}/installed`, "");
  }
  await Deno.copyFile(`${here}/peers.mjs`, `${dir}/peers.mjs`);
  await stack.sql`drop database if exists peers`;
  await stack.sql`create database peers`;
  const url = new URL(stack.adminDbUrl);
  url.pathname = "/peers";
  const node = `${dir}/node_modules/node/bin/node`;
  return JSON.parse(await output(node, ["peers.mjs", url.href, String(jobs)], {}, dir));
}

interface Soak {
  seconds: number;
  transitions: number;
  /** Transitions/s in the last quarter over that in the first: 1 means it does not slow down. */
  lasting: number;
  tables: { name: string; rows: number; deadRows: number; megabytes: number }[];
}

/** Fifty jobs alive at any time: each that ends is replaced. */
async function soak(sql: Sql, workers: Sql[]): Promise<Soak> {
  await emptyPipeline(sql);
  await createJobs(sql, 50);
  const quarters: number[] = [];
  for (let quarter = 0; quarter < 4; quarter++) {
    const until = performance.now() + soakSeconds * 250;
    let created = 0;
    quarters.push(
      await work(workers, (ended) => {
        for (; created < ended; created++) sql`select create_content_job()`.execute();
        return performance.now() > until;
      }),
    );
  }
  const tables = await sql`
    select relname as name, n_live_tup::int as rows, n_dead_tup::int as "deadRows",
      round(pg_total_relation_size(relid) / 1e6, 1)::float as megabytes
    from pg_stat_user_tables
    where relname = ${queue} or relname like 'content\\_%' order by relname`;
  return {
    seconds: soakSeconds,
    transitions: quarters.reduce((sum, count) => sum + count),
    lasting: quarters[3] / quarters[0],
    tables: tables.map((row) => ({ ...row })) as Soak["tables"],
  };
}

function table(head: string[], rows: (string | number)[][]) {
  const text = [head, ...rows].map((row) => row.map((cell) => String(cell)));
  const widths = head.map((_, column) => Math.max(...text.map((row) => row[column].length)));
  for (const row of text) {
    console.log(
      row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("   "),
    );
  }
  console.log();
}

const load = Deno.loadavg()[0];
const cores = navigator.hardwareConcurrency;
const busy = load > cores / 2;

await using stack = await startStack({ ticker: false });
const { sql } = stack;
await sql`update pipeline.stage_config set max_concurrency = 50 where pipeline = ${pipeline}`;
await sql`update pipeline.stage_config set max_concurrency = 3 where stage = 'submit_crawl'`;
const workers = connections(stack.adminDbUrl, workerCount);
const jobs = Math.round(600 * scale);
const count = (at: number) => Math.round(at * scale);

progress(`${jobs} jobs through six stages by ${workerCount} workers`);
await engineChains(sql, workers, count(100)); // connections, caches and plans are warm from here on
// Rounds in turn and their medians, so that a noisy minute hits all alike.
const rounds: { engine: number; pgmq: number; others: Peers; walBytes: number; calls: number }[] =
  [];
for (let round = 1; round <= (options.quick ? 1 : 3); round++) {
  progress(`round ${round}: the engine, pgmq, graphile-worker, pg-boss`);
  await emptyPipeline(sql);
  await createJobs(sql, jobs);
  calls = 0;
  const [{ at }] = await sql`select pg_current_wal_insert_lsn()::text as at`;
  const engine = await seconds(() => work(workers, (ended) => ended >= jobs));
  const [{ bytes }] = await sql`
    select (pg_current_wal_insert_lsn() - ${at}::pg_lsn)::float as bytes`;
  rounds.push({
    engine,
    walBytes: bytes / (jobs * stages.length),
    calls: calls / (jobs * stages.length),
    pgmq: await rawPgmq(sql, workers, jobs * stages.length),
    others: await peers(stack, jobs),
  });
}
const engineSeconds = median(rounds.map(({ engine }) => engine));
const pgmqSeconds = median(rounds.map(({ pgmq }) => pgmq));
const others: Peers = {
  graphile: {
    seconds: median(rounds.map(({ others }) => others.graphile.seconds)),
    p50: median(rounds.map(({ others }) => others.graphile.p50)),
    p95: median(rounds.map(({ others }) => others.graphile.p95)),
  },
  boss: { seconds: median(rounds.map(({ others }) => others.boss.seconds)) },
};

progress("claims with backlogs");
const claims = await claimTimes(sql, workers[0], count(200));
const pgmqEmpty = await filteredReadTime(sql, 0, count(200));
const pgmqForeign = await filteredReadTime(sql, 10_000, count(200));

progress("enqueue to start");
const direct = await enqueueToStart(workers[0], count(200));
const doorbell = await doorbellToStart(stack, Math.max(count(60), 10));

progress("through the gateway");
const gatewayJobs = { ours: count(200), inTurn: count(60), plain: Math.max(count(40), 5) };
const gatewayRounds: { ours: number; inTurn: number; plain: number }[] = [];
for (let round = 0; round < (options.quick ? 1 : 3); round++) {
  gatewayRounds.push({
    ours: await gatewayWorkers(stack, "one-transaction", gatewayJobs.ours),
    inTurn: await gatewayWorkers(stack, "in-turn", gatewayJobs.inTurn),
    plain: await gatewayWorkers(stack, "step-by-step", gatewayJobs.plain),
  });
}
const gateway = {
  ours: median(gatewayRounds.map(({ ours }) => ours)),
  inTurn: median(gatewayRounds.map(({ inTurn }) => inTurn)),
  plain: median(gatewayRounds.map(({ plain }) => plain)),
};

progress("the report of 5,000 topics");
const reports = await reportTimes(workers[0], options.quick ? 3 : 9);

progress(`soak of ${soakSeconds} s`);
const soaked = await soak(sql, workers);
await Promise.all(workers.map((worker) => worker.end()));

const perSecond = (jobs: number, seconds: number) => jobs / seconds;
const transitions = perSecond(jobs * stages.length, engineSeconds);
const oursThroughGateway = perSecond(gatewayJobs.ours, gateway.ours);
const plainThroughGateway = perSecond(gatewayJobs.plain, gateway.plain);
const results = {
  transitionsPerSecond: {
    "PagePerfect (claim, commit with the next message)": transitions,
    "pgmq (read, archive; no next message, no state)": perSecond(
      jobs * stages.length,
      pgmqSeconds,
    ),
    "graphile-worker (run, add the next job)": perSecond(
      jobs * stages.length,
      others.graphile.seconds,
    ),
    "pg-boss (fetch, send the next job, complete)": perSecond(
      jobs * stages.length,
      others.boss.seconds,
    ),
  },
  sixStageJobsPerSecond: {
    "PagePerfect": oursThroughGateway,
    "plain build": plainThroughGateway,
    "plain build that never has to forward": perSecond(gatewayJobs.inTurn, gateway.inTurn),
  },
  perTransition: {
    walBytes: median(rounds.map(({ walBytes }) => walBytes)),
    calls: median(rounds.map(({ calls }) => calls)),
  },
  claimMilliseconds: claims,
  pgmqFilteredReadMilliseconds: {
    "empty": pgmqEmpty,
    "10,000 messages of other stages": pgmqForeign,
  },
  enqueueToStartMilliseconds: {
    "PagePerfect, a claim right after the enqueue": {
      p50: median(direct),
      p95: quantile(direct, 0.95),
    },
    "PagePerfect, doorbell through dispatcher and worker": {
      p50: median(doorbell),
      p95: quantile(doorbell, 0.95),
    },
    "graphile-worker (LISTEN/NOTIFY)": { p50: others.graphile.p50, p95: others.graphile.p95 },
  },
  reportMilliseconds: reports,
  soak: soaked,
};
/** Bars in plain figures hold for a machine that has nothing else to do. */
interface Bar {
  what: string;
  value: number;
  least?: number;
  most?: number;
  quietMachine?: boolean;
}
const bars: Bar[] = [
  { what: "stage transitions/s", value: transitions, least: 400, quietMachine: true },
  {
    what: "stage transitions/s, times the faster library's",
    value: transitions * Math.min(others.graphile.seconds, others.boss.seconds) /
      (jobs * stages.length),
    least: 1.3,
  },
  {
    what: "claim speed with 10,000 messages of other stages, % of empty",
    value: 100 * claims["empty"] / claims["10,000 messages of other stages"],
    least: 90,
  },
  {
    what: "claim speed with 10,000 messages of another owner, % of empty",
    value: 100 * claims["empty"] / claims["10,000 messages of another owner"],
    least: 90,
  },
  {
    what: "claim speed with 10,000 sleeping messages of the stage, % of empty",
    value: 100 * claims["empty"] / claims["10,000 sleeping messages of the stage"],
    least: 90,
  },
  {
    what: "six-stage jobs/s through the gateway, times the plain build's",
    value: oursThroughGateway / plainThroughGateway,
    least: 8,
  },
  {
    what: "enqueue to start with the doorbell, p50 ms",
    value: median(doorbell),
    most: 20,
    quietMachine: true,
  },
  {
    what: "report of 5,000 topics while the job runs, ms",
    value: reports["while the job runs"],
    most: 100,
    quietMachine: true,
  },
];
const judge = ({ value, least = -Infinity, most = Infinity, quietMachine }: Bar) =>
  value >= least && value <= most ? "ok" : quietMachine && busy ? "not judged" : "FAILED";

if (options.json) {
  console.log(JSON.stringify({ load, cores, ...results, bars }, null, 2));
} else {
  const ratio = (value: number, base: number) => `${(value / base).toFixed(2)}×`;
  table(
    [`Stage transitions/s, ${workerCount} workers`, "per second", "to ours"],
    Object.entries(results.transitionsPerSecond)
      .map(([name, value]) => [name, value.toFixed(0), ratio(value, transitions)]),
  );
  table(["A transition", "costs"], [
    ["bytes of WAL", results.perTransition.walBytes.toFixed(0)],
    ["calls to the database", results.perTransition.calls.toFixed(2)],
  ]);
  table(
    ["Jobs through six no-op stages, through the gateway", "per second", "to plain"],
    Object.entries(results.sixStageJobsPerSecond)
      .map(([name, value]) => [name, value.toFixed(1), ratio(value, plainThroughGateway)]),
  );
  table(
    ["One claim, with a backlog of", "ms", "speed"],
    Object.entries(claims)
      .map(([name, ms]) => [name, ms.toFixed(2), ratio(claims["empty"], ms)])
      .concat(
        Object.entries(results.pgmqFilteredReadMilliseconds)
          .map((
            [name, ms],
          ) => [`pgmq.read filtered: ${name}`, ms.toFixed(2), ratio(pgmqEmpty, ms)]),
      ),
  );
  table(
    ["Enqueue to start", "p50 ms", "p95 ms"],
    Object.entries(results.enqueueToStartMilliseconds)
      .map(([name, { p50, p95 }]) => [name, p50.toFixed(1), p95.toFixed(1)]),
  );
  table(
    ["The report of 5,000 topics and 10,000 queries, in the database", "ms"],
    Object.entries(reports).map(([name, ms]) => [name, ms.toFixed(0)]),
  );
  table(
    [
      `After a soak of ${soaked.seconds} s, ${soaked.transitions} transitions, last quarter ${
        soaked.lasting.toFixed(2)
      }× the first`,
      "rows",
      "dead rows",
      "MB",
    ],
    soaked.tables.map(({ name, rows, deadRows, megabytes }) => [name, rows, deadRows, megabytes]),
  );
  table(
    ["Bars", "reached", "bar", ""],
    bars.map((bar) => [
      bar.what,
      bar.value.toFixed(1),
      bar.least === undefined ? `≤ ${bar.most}` : `≥ ${bar.least}`,
      judge(bar),
    ]),
  );
  if (busy) {
    console.log(
      `The machine was busy before this began (load ${load.toFixed(1)} on ${cores} cores): ` +
        "bars in plain figures that were missed are not judged, ratios are.",
    );
  }
}
if (bars.some((bar) => judge(bar) === "FAILED")) Deno.exitCode = 1;
