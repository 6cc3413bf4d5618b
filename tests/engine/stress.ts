// Load that no model predicts: several workers with short leases doing valid and stale operations at
// once, then a drain. What must hold afterwards is little and hard: see `settled`.

import { deepEqual, equal, ok } from "node:assert/strict";
import { connect, createJob, pipeline, type Sql, stages, violations } from "./trial.ts";

interface Lease {
  msg_id: number;
  read_ct: number;
  job_id: string;
  stage: string;
}

const random = (below: number) => Math.floor(Math.random() * below);
const pick = <T>(from: T[]): T => from[random(from.length)];

export class Stress {
  /** Commits that a worker was told had happened: they must be there afterwards, once each. */
  readonly committed: string[] = [];
  /** Every commit that was sent: without an answer it happened once or not at all. */
  readonly attempted = new Set<string>();
  /** Every job that was asked for, and those whose creation was answered. */
  readonly jobs: string[] = [];
  readonly created: string[] = [];
  operations = 0;
  errors: string[] = [];
  #leases: Lease[] = [];
  #stopped = false;

  /** `tolerate`: errors that are part of the test, such as a lost connection. */
  constructor(readonly url: () => string, readonly tolerate: (error: Error) => boolean) {}

  async create(sql: Sql, count: number) {
    for (let i = 0; i < count; i++) {
      const id = crypto.randomUUID();
      this.jobs.push(id);
      await createJob(sql, id, random(3));
      this.created.push(id);
    }
  }

  stop() {
    this.#stopped = true;
  }

  /** One worker with a connection of its own, until `stop`. */
  async work(): Promise<void> {
    let sql = connect(this.url());
    while (!this.#stopped) {
      try {
        await answered(this.#act(sql));
        this.operations++;
      } catch (error) {
        const known = error instanceof Error && this.tolerate(error);
        if (!known) this.errors.push(String(error));
        await sql.end({ timeout: 0 }).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 50));
        sql = connect(this.url());
      }
    }
    await sql.end({ timeout: 1 }).catch(() => {});
  }

  async #act(sql: Sql) {
    const dice = random(100);
    if (dice < 5) return await this.create(sql, 1);
    if (dice < 40) {
      const [{ got }] = await sql`
        select claim_stage(${pipeline}, ${pick([...stages])}, ${1 + random(2)}) as got`;
      if (got) this.#leases.push(got);
      if (this.#leases.length > 60) this.#leases.splice(0, 20);
      return;
    }
    if (dice < 44) return void await sql`select reap_expired_leases()`;
    if (dice < 46) {
      return void await sql`select cancel_job(${pipeline}, ${pick(this.jobs)})`.catch(
        jobMayBeMissing,
      );
    }
    if (dice < 49) {
      return void await sql`
        select pipeline.wake_stage(${pipeline}, ${pick(this.jobs)}, ${pick([...stages])})`;
    }
    if (dice < 51) {
      return void await sql`
        select replay_dead_letters(${pipeline}, null, null, null, null, 3)`;
    }
    if (dice < 53) return void await sql`select dispatch_plan(${pipeline})`;
    // A lease of anybody's, fresh or long lost.
    const lease = this.#leases.at(dice < 85 ? -1 - random(4) : -1 - random(60));
    if (!lease) return;
    const { msg_id, read_ct } = lease;
    if (dice < 85) return await this.#commit(sql, lease);
    if (dice < 91) {
      return void await sql`select extend_lease(${pipeline}, ${msg_id}, ${read_ct}, ${
        1 + random(2)
      })`;
    }
    if (dice < 95) {
      return void await sql`select defer_stage(${pipeline}, ${msg_id}, ${read_ct}, ${random(2)})`;
    }
    const action = random(4) === 0 ? "dead_letter" : "retry";
    await sql`
      select fail_stage(${pipeline}, ${msg_id}, ${read_ct}, '{"message": "boom"}', ${action}, ${
      random(2)
    })`;
  }

  async #commit(sql: Sql, { msg_id, read_ct, job_id, stage }: Lease) {
    const name = `${job_id} ${stage}`;
    this.attempted.add(name);
    const facts = sql.json({ [stage]: msg_id });
    const [{ got }] = await sql`
      select commit_stage(${pipeline}, ${msg_id}, ${read_ct}, ${facts}) as got`;
    if (got.status === "committed") this.committed.push(name);
  }

  /** Works off what is left, as a quiet system would within a lease and a dispatcher's round. */
  async drain(sql: Sql) {
    const deadline = Date.now() + 300_000;
    for (;;) {
      await sql`select reap_expired_leases()`;
      for (const stage of stages) {
        for (;;) {
          const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, 60) as got`;
          if (!got) break;
          await this.#commit(sql, got);
        }
      }
      const [{ open }] = await sql`
        select count(*)::int as open from pipeline.jobs
        where pipeline = ${pipeline} and status in ('queued', 'processing')`;
      if (open === 0) return;
      ok(Date.now() < deadline, `${open} jobs are left that nothing moves`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  /** Nothing lost, nothing twice, nothing left over. */
  async settled(sql: Sql) {
    deepEqual(this.errors, []);
    deepEqual(await violations(sql), []);
    const [{ messages }] = await sql`select count(*)::int as messages from pgmq.q_trial`;
    equal(messages, 0, "messages that belong to nothing");

    const jobs = await sql`select id, status from pipeline.jobs where pipeline = ${pipeline}`;
    const found = new Set(jobs.map(({ id }) => id));
    deepEqual(this.created.filter((id) => !found.has(id)), [], "jobs that vanished");

    // A stage may be committed again only after its dead letter was replayed, and then it has
    // failed before, not committed: so each commit is there exactly once, and none was invented.
    const events = await sql`
      select job_id || ' ' || stage as name, count(*)::int as times
      from pipeline.job_events where pipeline = ${pipeline} and status = 'completed' group by 1`;
    deepEqual(events.filter(({ times }) => times !== 1), [], "stages committed twice");
    const completed = new Set(events.map(({ name }) => name));
    equal(this.committed.length, new Set(this.committed).size, "commits acknowledged twice");
    deepEqual(this.committed.filter((name) => !completed.has(name)), [], "commits that were lost");
    deepEqual(
      [...completed].filter((name) => !this.attempted.has(name)),
      [],
      "commits nobody made",
    );

    const outputs = await sql`
      select job_id || ' ' || stage as name from pipeline.payloads where pipeline = ${pipeline}`;
    deepEqual(new Set(outputs.map(({ name }) => name)), completed, "outputs and commits");
    equal(outputs.length, completed.size, "one output a commit");
    for (const { id, status } of jobs.filter(({ status }) => status === "completed")) {
      ok(stages.every((stage) => completed.has(`${id} ${stage}`)), `${id} is ${status}`);
    }
    return Object.fromEntries(
      (await sql`
        select status, count(*)::int as count from pipeline.jobs
        where pipeline = ${pipeline} group by 1 order by 1`).map((
        { status, count },
      ) => [status, count]),
    );
  }
}

/** A connection that broke in the middle of a write may never say so. */
async function answered<T>(operation: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout>;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(Object.assign(new Error("no answer in 10 s"), { code: "CONNECTION_SILENT" })),
      10_000,
    );
  });
  return await Promise.race([operation, silence]).finally(() => clearTimeout(timer));
}

/** A job whose creation got no answer may not be there. */
function jobMayBeMissing(error: { code?: string }) {
  if (error.code !== "P0002") throw error;
}

/** Runs `workers` workers while `during` goes on, drains, and checks. */
export async function stress(
  stress: Stress,
  workers: number,
  during: () => Promise<void>,
): Promise<Record<string, number>> {
  const running = Array.from({ length: workers }, () => stress.work());
  try {
    await during();
  } finally {
    stress.stop();
    await Promise.all(running);
  }
  const sql = connect(stress.url());
  try {
    await stress.drain(sql);
    return await stress.settled(sql);
  } finally {
    await sql.end();
  }
}
