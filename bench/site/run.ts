// A whole site on the embedded stack: pages a minute, memory and CPU time of the workers, and how they grow with the site, beside a
// plain loop of page jobs.
//   ./pageperfect bench site [--pages 1000] [--small 50] [--queries 100] [--loop 20] [--keep NAME]

import { Command } from "npm:commander@15.1.0";
import { stateDir } from "../../local/paths.ts";
import { type Stack, startStack } from "../../local/stack.ts";
import { makePage } from "./data.ts";

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
  .option("--json", "print JSON instead of tables")
  .parse(Deno.args, { from: "user" })
  .opts<
    { pages: number; small: number; queries: number; loop: number; keep?: string; json?: boolean }
  >();
const progress = (line: string) => console.error(`… ${line}`);

interface Run {
  pages: number;
  queries: number;
  wallSeconds: number;
  /** Of all functions and of the database. */
  cpuSeconds: number;
  /** Seconds of wall clock and CPU time of the site's own stages. */
  stages: Record<
    string,
    { seconds: number; invocations: number; cpuSeconds: number; mostCpuSeconds: number }
  >;
  peakMb: Record<string, number>;
  edits: number;
  topics: number;
  failed: number;
}

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

/** CPU seconds and peak memory of a process, with what its ended children used. */
function processOf(pid: number): { cpuSeconds: number; peakMb: number; name: string } | undefined {
  try {
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const name = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0")
      .find((part) => part.endsWith("/index.ts"))?.split("/").at(-2) ?? "postgres";
    return {
      name,
      cpuSeconds: (fields[11] + fields[12] + fields[13] + fields[14]) / 100,
      peakMb: Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024,
    };
  } catch {
    return undefined; // it has ended
  }
}

/** Our children and theirs. */
function descendants(): number[] {
  const parents = new Map<number, number>();
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      parents.set(pid, Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]));
    } catch { /* it has ended */ }
  }
  const isOurs = (pid: number): boolean => {
    const parent = parents.get(pid);
    return parent === Deno.pid || (parent !== undefined && parent > 1 && isOurs(parent));
  };
  return [...parents.keys()].filter(isOurs);
}

class Meter {
  #seen = new Map<number, { name: string; cpuSeconds: number; peakMb: number }>();
  #timer = setInterval(() => this.look(), 1_000);

  look() {
    for (const pid of descendants()) {
      const now = processOf(pid);
      if (now) this.#seen.set(pid, now);
    }
  }

  stop() {
    clearInterval(this.#timer);
    this.look();
    const peakMb: Record<string, number> = {};
    let cpuSeconds = 0;
    for (const { name, cpuSeconds: cpu, peakMb: peak } of this.#seen.values()) {
      cpuSeconds += cpu;
      peakMb[name] = Math.max(peakMb[name] ?? 0, peak);
    }
    return { cpuSeconds, peakMb };
  }
}

/** What each invocation of a site's stage said of itself. */
async function invocations(stack: Stack, jobId: string) {
  const stages: Run["stages"] = {};
  for (
    const [stage, worker] of [
      ["select_pages", "site-select-pages-worker"],
      ["analyse_pages", "site-analyse-pages-worker"],
      ["site_topics", "site-topics-worker"],
      ["site_plan", "site-plan-worker"],
    ]
  ) {
    const text = await Deno.readTextFile(`${stack.logsDir}/${worker}.log`).catch(() => "");
    const ended = text.split("\n").filter((line) => line.includes('"stage_ended"')).map((line) =>
      JSON.parse(line) as { cpu_ms: number }
    );
    const [times] = await stack.sql`
      select extract(epoch from finished_at - started_at)::float8 as seconds from site_job_stages
      where stage = ${stage} and job_id = ${jobId}`;
    stages[stage] = {
      seconds: times?.seconds ?? 0,
      invocations: ended.length,
      cpuSeconds: ended.reduce((sum, { cpu_ms }) => sum + cpu_ms / 1000, 0),
      mostCpuSeconds: Math.max(0, ...ended.map(({ cpu_ms }) => cpu_ms / 1000)),
    };
  }
  return stages;
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
      const [{ progress: now }] = await stack.sql`select site_progress(${job_id}) as progress`;
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
    return {
      pages,
      queries: report.site.query_count,
      wallSeconds,
      ...meter.stop(),
      stages: await invocations(stack, job_id),
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
