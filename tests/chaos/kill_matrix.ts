// Kills a worker at every boundary between two of its outside effects, one boundary at a time, and looks at what is left.
//
// The boundaries are not listed by hand: a recording run notes every HTTP call each function makes (boundaries.ts), so an effect
// that somebody adds is killed around from then on. Afterwards nothing may be lost, doubled or stuck.

import { type Stack, startStack } from "../../local/stack.ts";

/** Of a lane whose processes are killed at random: short, since they are waited for. */
const leaseSeconds = 5;
/** Of the matrix, which ends the leases of those it kills by itself: a slow machine loses none. */
const matrixLeaseSeconds = 120;
const tickSeconds = 1;

export interface Outcome {
  function: string;
  when: string;
  effect: string;
  /** Only crossed when the embedding API fails once. */
  faulty: boolean;
  /** How much longer the job took than undisturbed, without the dead one's lease: a tick, and the function's boot. */
  recoveryMs: number;
  problems: string[];
}

interface Boundary {
  function: string;
  when: string;
  effect: string;
  faulty: boolean;
}

export interface Lane {
  stack: Stack;
  dir: string;
  pageUrl: string;
}

const page = `<!doctype html><html lang="en"><head><title>Keeping bees</title></head><body><main>
<h1>Keeping bees</h1><p>A hive needs a sunny place out of the wind, with water near and flowers within a mile.</p>
<h2>Choosing a hive</h2><p>Most beginners start with a Langstroth hive, because its boxes and frames are sold everywhere.</p>
<h2>Feeding</h2><p>In autumn feed sugar syrup, two parts of sugar to one of water, until the hive is heavy.</p>
</main></body></html>`;

const keywords = [
  "best beehive for beginners",
  "beginner beehive",
  "when to feed bees",
  "feeding bees in autumn",
  "honey extractor hire",
  "hire a honey extractor",
  "bee sting allergy",
]
  .map((query, i) => ({ query, impressions: 100 * (i + 1), clicks: i, position: 5 + i }));

/** Runs the matrix on `lanes` stacks at once; `report` hears of each boundary as it is done. */
export async function killMatrix(
  options: { lanes?: number; report?: (outcome: Outcome, done: number, all: number) => void } = {},
): Promise<Outcome[]> {
  const lanes = await Promise.all(Array.from(
    { length: options.lanes ?? 3 },
    () => openLane({ PAGEPERFECT_QUEUE_VISIBILITY: String(matrixLeaseSeconds) }),
  ));
  try {
    // Twice: the first run boots the functions.
    await Promise.all(lanes.map((lane) => run(lane, undefined)));
    const baseline = await Promise.all(lanes.map((lane) => run(lane, undefined)));
    const baselineMs = Math.max(...baseline.map(({ elapsedMs }) => elapsedMs));
    const boundaries = await record(lanes[0]);
    const waiting = [...boundaries];
    const outcomes: Outcome[] = [];
    await Promise.all(lanes.map(async (lane) => {
      for (let boundary = waiting.shift(); boundary; boundary = waiting.shift()) {
        let { elapsedMs, problems, crossed } = await run(lane, boundary);
        // Some are crossed by chance, such as the dispatcher's when its tick falls between a crawl's order and its claim.
        for (let again = 0; !crossed && problems.length === 0 && again < 9; again++) {
          ({ elapsedMs, problems, crossed } = await run(lane, boundary));
        }
        if (!crossed) problems.push("the boundary was not crossed");
        const recoveryMs = Math.max(0, elapsedMs - baselineMs);
        const outcome = { ...boundary, recoveryMs, problems };
        outcomes.push(outcome);
        options.report?.(outcome, outcomes.length, boundaries.length);
      }
    }));
    return outcomes.sort((a, b) => boundaries.findIndex(same(a)) - boundaries.findIndex(same(b)));
  } finally {
    for (const { stack, dir } of lanes) {
      await stack.stop();
      await Deno.remove(dir, { recursive: true });
    }
  }
}

const same = (a: Boundary) => (b: Boundary) =>
  a.function === b.function && a.when === b.when && a.effect === b.effect && a.faulty === b.faulty;

/** A stack whose functions can be killed at a boundary, with leases and delays of seconds. */
export async function openLane(env: Record<string, string> = {}): Promise<Lane> {
  const dir = await Deno.makeTempDir({ prefix: "pageperfect-chaos-" });
  const stack = await startStack({
    durable: true,
    preload: new URL("./boundaries.ts", import.meta.url).pathname,
    ticker: { dispatcherSeconds: tickSeconds, crawlSeconds: tickSeconds },
    env: {
      CHAOS_DIR: dir,
      PAGEPERFECT_QUEUE_VISIBILITY: String(leaseSeconds),
      ...env,
    },
  });
  await stack
    .sql`update pipeline.stage_config set retry_delay_seconds = 1, max_retry_delay_seconds = 1`;
  await Deno.writeTextFile(`${dir}/page.html`, page);
  return { stack, dir, pageUrl: await stack.serveFile(`${dir}/page.html`) };
}

/** Every boundary that an undisturbed job crosses, and those of a job whose embedding call fails once. */
async function record(lane: Lane): Promise<Boundary[]> {
  const crossed = async (faulty: boolean) => {
    await Deno.writeTextFile(`${lane.dir}/seen`, "");
    await run(lane, undefined, faulty);
    const lines = (await Deno.readTextFile(`${lane.dir}/seen`)).trim().split("\n");
    return [...new Set(lines)].map((line) => {
      const [name, when, effect] = line.split("\t");
      return { function: name, when, effect, faulty };
    });
  };
  const plain = await crossed(false);
  const onFault = await crossed(true);
  return [...plain, ...onFault.filter((b) => !plain.some(same({ ...b, faulty: false })))];
}

/** One job, killed at `boundary` when there is one and it is crossed; what is wrong afterwards. */
async function run(lane: Lane, boundary: Boundary | undefined, faulty = boundary?.faulty ?? false) {
  const { stack, dir } = lane;
  const problems: string[] = [];
  await quiet(stack);
  await Deno.remove(`${dir}/fired`).catch(() => {});
  stack.standins.reset();
  // Slow enough that wait_crawl looks before the crawl is done, and defers.
  stack.standins.fail({ api: "files", delayMs: 500 });
  if (faulty) stack.standins.fail({ api: "embeddings", status: 503 });
  if (boundary) {
    await Deno.writeTextFile(
      `${dir}/armed`,
      `${boundary.function}\t${boundary.when}\t${boundary.effect}`,
    );
  }

  const startedAt = Date.now();
  const jobId = await submit(lane);
  let crossed = false;
  const status = await finished(stack, jobId, async () => {
    if (crossed || !await hasFired(lane)) return;
    crossed = true;
    await expireLease(stack, boundary!.function);
  });
  const elapsedMs = Date.now() - startedAt;
  crossed ||= await hasFired(lane);
  await Deno.remove(`${dir}/armed`).catch(() => {});

  if (status !== "completed") problems.push(`the job is ${status}`);
  const broken = await stack.sql`select rule, detail from public.check_invariants()`;
  problems.push(...broken.map(({ rule, detail }) => `not so: ${rule} (${detail})`));
  const [counts] = await stack.sql`
    select
      (select count(*)::int from public.pageperfect_jobs) as jobs,
      (select count(*)::int from public.pageperfect_job_events where status = 'completed') as commits,
      (select count(*)::int from public.rewrite_drafts) as drafts,
      (select count(*)::int from public.crawl_jobs) as crawls,
      (select count(*)::int from pgmq.q_pageperfect) as messages,
      (select count(*)::int from public.pageperfect_dead_letters) as dead_letters`;
  const expected = { jobs: 1, commits: 6, drafts: 1, crawls: 1, messages: 0, dead_letters: 0 };
  for (const [what, count] of Object.entries(expected)) {
    if (counts[what] !== count) problems.push(`${counts[what]} ${what} instead of ${count}`);
  }
  // A call to the outside may repeat only where its worker died between the answer and the commit.
  const draftCalls = stack.standins.calls.filter(({ api }) => api === "chat").length;
  const mayRepeat = boundary?.function === "pageperfect-rewrite-draft-worker" ? 2 : 1;
  if (draftCalls > mayRepeat) problems.push(`${draftCalls} draft calls`);
  return { elapsedMs, problems, crossed };
}

/** Waits until nothing runs any more, then forgets everything. */
async function quiet(stack: Stack) {
  await eventually(async () => {
    const [{ busy }] = await stack.sql`
      select exists (select from pipeline.job_stages where status in ('queued', 'processing')) as busy`;
    return !busy;
  }, 300_000);
  await stack.sql`delete from pipeline.jobs`;
  await stack.sql`truncate public.pages, public.embedding_cache, pipeline.dead_letters cascade`;
  await stack.sql`delete from pgmq.q_pageperfect`;
}

/** Posts the job as a client would that retries with its idempotency key. */
export async function submit({ stack, pageUrl }: Lane, url = pageUrl): Promise<string> {
  const body = JSON.stringify({ url, keywords, idempotency_key: crypto.randomUUID() });
  let last = "";
  for (let attempt = 0; attempt < 10; attempt++) {
    const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${stack.serviceRoleKey}`,
        "content-type": "application/json",
      },
      body,
    });
    last = await response.text();
    if (response.status === 202) return JSON.parse(last).job_id;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`the job was not accepted: ${last}`);
}

const hasFired = ({ dir }: Lane) => Deno.stat(`${dir}/fired`).then(() => true, () => false);

/** Time passes: the lease of the function that was killed runs out. */
async function expireLease({ sql }: Stack, functionName: string) {
  const stage = functionName === "crawl-cron"
    ? "crawl"
    : functionName.replace(/^pageperfect-(.*)-worker$/, "$1").replaceAll("-", "_");
  await sql`
    update pipeline.job_stages set lease_expires_at = clock_timestamp() - interval '1 second'
    where stage = ${stage} and status = 'processing'`;
  for (const queue of ["pageperfect", "fetch"]) {
    await sql`
      update ${sql(`pgmq.q_${queue}`)} as q set vt = clock_timestamp()
      from pipeline.job_stages as s
      where s.msg_id = q.msg_id and s.stage = ${stage} and s.status = 'processing' and q.message ->> 'stage' = s.stage`;
  }
}

/** How the job ended, or where it stands after ten minutes; `meanwhile` is called again and again. */
export async function finished(
  stack: Stack,
  jobId: string,
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Promise<string> {
  let status = "missing";
  await eventually(async () => {
    await meanwhile();
    [{ status } = { status: "missing" }] = await stack.sql<{ status: string }[]>`
      select status from public.pageperfect_jobs where id = ${jobId}`;
    return ["completed", "failed", "cancelled"].includes(status);
  }, 600_000);
  return status;
}

async function eventually(check: () => Promise<boolean>, withinMs: number): Promise<boolean> {
  const until = Date.now() + withinMs;
  while (!await check()) {
    if (Date.now() > until) return false;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return true;
}
