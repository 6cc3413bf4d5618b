// Kills the function that imports from Search Console before and after each of its calls: every row must be there, once.

import { StandinGoogle } from "../../local/standins/google.ts";
import { type Lane, openLane, type Outcome } from "./kill_matrix.ts";

const name = "pageperfect-gsc-import";
const property = "sc-domain:shop.example";
const days = ["2025-03-01", "2025-03-02"];
const rowsADay = 40;

export async function importMatrix(
  report: (outcome: Outcome, done: number, all: number) => void = () => {},
): Promise<Outcome[]> {
  await using google = new StandinGoogle((asked, day) =>
    asked === property
      ? Array.from({ length: rowsADay }, (_, i) => ({
        keys: [`https://shop.example/${i % 5}`, `query ${i}`, day],
        clicks: i % 3,
        impressions: 10 + i,
        ctr: 0.1,
        position: 4,
      }))
      : undefined
  );
  const lane = await openLane(google.env);
  try {
    await run(lane); // boots the function
    await Deno.writeTextFile(`${lane.dir}/seen`, "");
    const started = performance.now();
    await run(lane);
    const undisturbedMs = performance.now() - started;
    const seen = (await Deno.readTextFile(`${lane.dir}/seen`)).trim().split("\n");
    const boundaries = [...new Set(seen)].filter((line) => line.startsWith(`${name}\t`));
    const outcomes: Outcome[] = [];
    for (const boundary of boundaries) {
      const [, when, effect] = boundary.split("\t");
      const begun = performance.now();
      const problems = await run(lane, boundary);
      const recoveryMs = Math.max(0, performance.now() - begun - undisturbedMs);
      const outcome = { function: name, when, effect, faulty: false, recoveryMs, problems };
      outcomes.push(outcome);
      report(outcome, outcomes.length, boundaries.length);
    }
    return outcomes;
  } finally {
    await lane.stack.stop();
    await Deno.remove(lane.dir, { recursive: true });
  }
}

/** One import of two days, its function killed at `boundary` when there is one; what is wrong afterwards. */
async function run({ stack, dir }: Lane, boundary?: string): Promise<string[]> {
  const { sql } = stack;
  await sql`delete from fetch_jobs`;
  await sql`truncate pages, gsc_properties cascade`;
  await sql`delete from pipeline.dead_letters`;
  await sql`delete from pgmq.q_fetch`;
  await Deno.remove(`${dir}/fired`).catch(() => {});
  if (boundary) await Deno.writeTextFile(`${dir}/armed`, boundary);
  const ring = (body: unknown) =>
    fetch(`${stack.apiUrl}/functions/v1/${name}`, {
      method: "POST",
      headers: { apikey: stack.secretKey, "content-type": "application/json" },
      body: JSON.stringify(body),
    }).then(
      async (response) => (await response.body?.cancel(), response.ok),
      () => false,
    );
  const request = { property, start_date: days[0], end_date: days[1] };
  // A client asks again until it is told that its request was taken.
  let isTaken = await ring(request);
  const until = performance.now() + 90_000;
  const isDone = async () => {
    const [row] =
      await sql`select last_imported_at from gsc_properties where property = ${property}`;
    return row?.last_imported_at != null;
  };
  while (!await isDone() && performance.now() < until) {
    const isDead = await Deno.stat(`${dir}/fired`).then(() => true, () => false);
    if (isDead) {
      // Time passes: the dead one's lease runs out.
      await sql`
        update fetch_job_stages set lease_expires_at = clock_timestamp() - interval '1 second'
        where status = 'processing' and started_at < clock_timestamp() - interval '2 seconds'`;
      await sql`
        update pgmq.q_fetch as q set vt = clock_timestamp(), message = message - 'asleep'
        where not exists (select from fetch_job_stages as s where s.msg_id = q.msg_id and s.lease_expires_at > clock_timestamp())`;
    }
    isTaken = await ring(isTaken ? {} : request) || isTaken;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // A doorbell may still be at work on nothing.
  for (let i = 0; i < 100; i++) {
    const [{ busy }] = await sql`
      select exists (select from fetch_job_stages where status in ('queued', 'processing')) as busy`;
    if (!busy) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await Deno.remove(`${dir}/armed`).catch(() => {});

  const problems: string[] = [];
  if (boundary && !await Deno.stat(`${dir}/fired`).then(() => true, () => false)) {
    problems.push("the boundary was not crossed");
  }
  const broken = await sql`select rule, detail from check_invariants()`;
  problems.push(...broken.map(({ rule, detail }) => `not so: ${rule} (${detail})`));
  const [found] = await sql`
    select
      (select count(*)::int from gsc_page_query) as rows,
      (select coalesce(sum(impressions), 0)::int from gsc_page_query) as impressions,
      (select count(*)::int from pages) as pages,
      (select string_agg(distinct status, ',') from fetch_jobs) as jobs,
      (select count(*)::int from pgmq.q_fetch) as messages,
      (select count(*)::int from fetch_dead_letters) as letters`;
  const expected = {
    rows: days.length * rowsADay,
    impressions: days.length *
      Array.from({ length: rowsADay }, (_, i) => 10 + i).reduce((a, b) => a + b),
    pages: 5,
    jobs: "completed",
    messages: 0,
    letters: 0,
  };
  for (const [what, value] of Object.entries(expected)) {
    if (found[what] !== value) problems.push(`${what}: ${found[what]} instead of ${value}`);
  }
  return problems;
}
