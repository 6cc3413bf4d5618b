// A whole site on the embedded stack: pages a minute, memory and CPU time of the workers, and how they grow with the site, beside a
// plain loop of page jobs; and by simulation with what was measured, up to a million pages.
//   ./pageperfect bench site [--pages 1000] [--small 50] [--queries 100] [--loop 20] [--keep NAME] [--record FILE]
//   ./pageperfect bench site --measured bench/site/measured.json    the simulation alone, with a recorded measurement

import { Command } from "npm:commander@15.1.0";
import { stateDir } from "../../local/paths.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { assume } from "../capacity/model.ts";
import { makePage } from "./data.ts";
import { Meter } from "./meter.ts";
import {
  compareNanoseconds,
  type Limits,
  type Measured,
  type Run,
  simulateSites,
} from "./scale.ts";

const count = (value: string) => Number(value);
const options = new Command("bench site")
  .option("--pages <count>", "pages of the large site", count, 1_000)
  .option("--small <count>", "pages of the small one, 0: none", count, 50)
  .option("--queries <count>", "queries a page", count, 100)
  .option("--loop <count>", "pages of the plain loop, 0: none", count, 20)
  .option(
    "--keep <name>",
    "keep the sites' data under that name: the next run with it has all pages analysed",
  )
  .option("--record <file>", "write what was measured there, for --measured")
  .option("--measured <file>", "simulate with what was recorded, without a run")
  .option(
    "--assume <setting>",
    "of the outside, as in bench capacity: crawl.seconds=4",
    (setting: string) => assume(`--${setting}`),
  )
  .option("--json", "print JSON instead of tables")
  .parse(Deno.args, { from: "user" })
  .opts<
    {
      pages: number;
      small: number;
      queries: number;
      loop: number;
      keep?: string;
      record?: string;
      measured?: string;
      json?: boolean;
    }
  >();
const progress = (line: string) => console.error(`… ${line}`);

/** Stack with a heap limit such as a hosted isolate has, so that memory is that of the limit and not of a lazy collector. */
const start = (instance?: string) =>
  startStack({
    instance,
    durable: false,
    realApis: false,
    offlineModel: "static",
    env: { DENO_V8_FLAGS: "--max-heap-size=128" },
  });

async function load(stack: Stack, pages: number, folder: string): Promise<string[]> {
  const served = await stack.serveFile(folder);
  const urls: string[] = [];
  for (let from = 0; from < pages; from += 20) {
    const rows = [];
    for (let index = from; index < Math.min(pages, from + 20); index++) {
      const { path, html, queries } = makePage(index, options.queries);
      await Deno.mkdir(folder + path, { recursive: true });
      await Deno.writeTextFile(`${folder}${path}index.html`, html);
      const url = served.replace(/\/$/, "") + path;
      urls.push(url);
      for (const query of queries) rows.push({ page: url, date: "2026-10-11", ...query });
    }
    await stack.sql`select upsert_gsc_rows(${stack.sql.json(rows)})`;
  }
  await stack.sql.unsafe("vacuum analyze");
  return urls;
}

/** What each invocation of a site's stage said of itself. */
async function invocations(stack: Stack): Promise<Run["stages"]> {
  const stages: Run["stages"] = {};
  const workers = await stack.sql<{ stage: string; worker: string }[]>`
    select stage, worker from pipeline.stage_config where pipeline = 'site' order by position`;
  for (const { stage, worker } of workers) {
    const text = await Deno.readTextFile(`${stack.logsDir}/${worker}.log`).catch(() => "");
    const cpuSeconds = (event: string) =>
      text.split("\n").filter((line) => line.includes(`"${event}"`)).map((line) =>
        (JSON.parse(line) as { cpu_ms: number }).cpu_ms / 1000
      );
    const ended = cpuSeconds("stage_ended");
    const read = cpuSeconds("pages_read").sort((a, b) => a - b);
    const times = text.split("\n").filter((line) => line.includes('"event":"stage_'))
      .map((line) => Date.parse((JSON.parse(line) as { at: string }).at));
    stages[stage] = {
      seconds: times.length > 0 ? (times.at(-1)! - times[0]) / 1000 : 0,
      invocations: ended.length,
      cpuSeconds: ended.reduce((sum, seconds) => sum + seconds, 0),
      mostCpuSeconds: Math.max(0, ...ended),
      readCpuSeconds: read[Math.floor(read.length / 2)] ?? 0,
    };
  }
  return stages;
}

async function limitsOf({ sql }: Stack): Promise<Limits> {
  const stages = await sql<{ stage: string; workers: number }[]>`
    select stage, max_concurrency as workers from pipeline.stage_config
    where pipeline in ('site', 'pageperfect', 'fetch')`;
  const [limits] = await sql<{ crawlsPerHost: number; siteWindow: number }[]>`
    select pipeline.crawls_per_host() as "crawlsPerHost", pipeline.site_window() as "siteWindow"`;
  return {
    ...limits,
    workers: Object.fromEntries(stages.map(({ stage, workers }) => [stage, workers])),
  };
}

/** What the database holds and has done since it began. */
async function databaseOf({ sql }: Stack) {
  const [counts] = await sql<{ bytes: number; walBytes: number; messages: number }[]>`
    select
      (select sum(pg_total_relation_size(c.oid)) from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
       where n.nspname in ('public', 'pipeline', 'pgmq') and c.relkind = 'r')::float8 as bytes,
      pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as "walBytes",
      (select sum(n_tup_ins) from pg_stat_user_tables where schemaname = 'pgmq' and relname like 'q\\_%')::float8 as messages`;
  return counts;
}

async function runSite(pages: number): Promise<Run> {
  const instance = options.keep && `bench-site-${options.keep}-${pages}`;
  // A page that is kept must have the same address in the next run.
  const folder = instance
    ? `${stateDir}/${instance}-pages`
    : await Deno.makeTempDir({ prefix: "pageperfect-bench-site-" });
  await Deno.mkdir(folder, { recursive: true, mode: 0o755 });
  await Deno.chmod(folder, 0o755);
  if (instance) {
    await Deno.remove(`${stateDir}/${instance}/logs`, { recursive: true }).catch(() => {});
  }
  const stack = await start(instance);
  try {
    const urls = await load(stack, pages, folder);
    // What a run that was killed has left.
    await stack.sql`
      select cancel_site_job(id) from site_jobs where status not in ('completed', 'failed', 'cancelled')`;
    const before = await databaseOf(stack);
    let connections = 0;
    const meter = new Meter();
    const started = performance.now();
    const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${stack.serviceRoleKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ site: { urls }, max_pages: pages }),
    });
    const { job_id, ...answer } = await response.json();
    if (response.status !== 202) throw new Error(JSON.stringify(answer));
    let line = "";
    for (;;) {
      const [{ progress: now, sessions }] = await stack.sql`
        select site_progress(${job_id}) as progress,
          (select count(*)::integer from pg_stat_activity where usename = 'authenticator' and state <> 'idle') as sessions`;
      connections = Math.max(connections, sessions);
      const { done, failed, total } = now.counts;
      const text = `${pages} pages: ${now.stage} ${done}/${total}${
        failed ? `, ${failed} failed` : ""
      }`;
      if (text !== line && (done % 50 === 0 || now.stage !== "analyse_pages")) {
        progress(`${text} after ${Math.round((performance.now() - started) / 1000)} s`);
      }
      line = text;
      if (now.status === "completed") break;
      if (now.status === "failed") throw new Error(JSON.stringify(now));
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    const wallSeconds = (performance.now() - started) / 1000;
    const [{ report }] = await stack.sql`select get_site_report(${job_id}) as report`;
    const after = await databaseOf(stack);
    return {
      pages,
      queries: report.site.query_count,
      wallSeconds,
      ...meter.stop(),
      database: {
        bytes: after.bytes - before.bytes,
        walBytes: after.walBytes - before.walBytes,
        messages: after.messages - before.messages,
        connections,
      },
      limits: await limitsOf(stack),
      tokens: report.costs?.input_tokens ?? 0,
      analysed: report.counts.done,
      stages: await invocations(stack),
      edits: report.edits.length,
      topics: report.topics.length,
      failed: report.counts.failed,
    };
  } finally {
    await stack.stop();
    if (!instance) await Deno.remove(folder, { recursive: true });
  }
}

/** A loop over curl: one page's job after the other, each waited for. */
async function runLoop(pages: number): Promise<{ pages: number; wallSeconds: number }> {
  const folder = await Deno.makeTempDir({ prefix: "pageperfect-bench-site-" });
  await Deno.chmod(folder, 0o755);
  const stack = await start();
  try {
    const urls = await load(stack, pages, folder);
    const started = performance.now();
    for (const url of urls) {
      const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${stack.serviceRoleKey}`,
          "content-type": "application/json",
        },
        body: JSON.stringify({ url, generate_draft: false }),
      });
      const { job_id } = await response.json();
      for (;;) {
        const [{ status }] = await stack
          .sql`select status from pageperfect_jobs where id = ${job_id}`;
        if (status === "completed") break;
        if (status === "failed") throw new Error(`${url} failed`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    return { pages, wallSeconds: (performance.now() - started) / 1000 };
  } finally {
    await stack.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

if (options.measured) {
  const measured: Measured = JSON.parse(await Deno.readTextFile(options.measured));
  console.log(`measured on ${measured.date}: ${measured.where}`);
  simulateSites(measured);
  Deno.exit();
}

const runs: Run[] = [];
for (const pages of [options.small, options.pages].filter((pages) => pages > 0)) {
  runs.push(await runSite(pages));
}
const loop = options.loop > 0 ? await runLoop(options.loop) : undefined;
if (options.json) console.log(JSON.stringify({ runs, loop }, null, 2));
else {
  for (const run of runs) {
    console.log(
      `${run.pages} pages, ${run.queries.toLocaleString("en")} queries: ${
        run.wallSeconds.toFixed(0)
      } s, ` +
        `${(60 * run.pages / run.wallSeconds).toFixed(0)} pages a minute, ${
          (run.cpuSeconds / run.pages).toFixed(2)
        } s CPU a page; ` +
        `${run.topics} topics, ${run.edits} edits, ${run.failed} failed`,
    );
    for (
      const [stage, { seconds, invocations, cpuSeconds, mostCpuSeconds }] of Object.entries(
        run.stages,
      )
    ) {
      console.log(
        `  ${stage.padEnd(14)} ${seconds.toFixed(1).padStart(7)} s  ${
          String(invocations).padStart(4)
        } invocations  ` +
          `${cpuSeconds.toFixed(1).padStart(6)} s CPU, ${
            mostCpuSeconds.toFixed(2)
          } s the most of one`,
      );
    }
    for (const [name, mb] of Object.entries(run.peakMb).sort((a, b) => b[1] - a[1])) {
      if (name !== "postgres") {
        console.log(`  ${name.padEnd(42)} ${mb.toFixed(0).padStart(4)} MB peak`);
      }
    }
  }
  const [small, large] = runs;
  if (large) {
    const ratio = (of: (run: Run) => number) =>
      (of(large) / large.pages / (of(small) / small.pages)).toFixed(2);
    console.log(
      `a page of ${large.pages} beside one of ${small.pages}: ${
        ratio((run) => run.wallSeconds)
      } × the time, ${ratio((run) => run.cpuSeconds)} × the CPU time`,
    );
  }
  if (loop) {
    const rate = 60 * loop.pages / loop.wallSeconds;
    console.log(
      `a plain loop of page jobs: ${rate.toFixed(0)} pages a minute; the site's job makes ${
        (60 * runs[0].pages / runs[0].wallSeconds / rate).toFixed(1)
      } × that`,
    );
  }
}
if (runs.length === 2 && runs.every(({ analysed }) => analysed > 0)) {
  const measured: Measured = {
    date: new Date().toISOString().slice(0, 10),
    where: `${navigator.hardwareConcurrency} cores, load ${
      Deno.loadavg()[0].toFixed(0)
    }; the embedded stack`,
    compareNanoseconds: compareNanoseconds(),
    small: runs[0],
    large: runs[1],
  };
  if (options.record) {
    await Deno.writeTextFile(options.record, JSON.stringify(measured, null, 2) + "\n");
  }
  if (!options.json) simulateSites(measured);
}
