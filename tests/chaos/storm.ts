// Many jobs through all six real stages while some function's process is killed every second; as a soak for minutes, and
// with what befalls a database in that time.

import postgres, { type Sql } from "npm:postgres@3.4.9";
import { openLane, submit } from "./kill_matrix.ts";

export interface StormResult {
  jobs: number;
  kills: number;
  seconds: number;
  /** What else befell them, and how often. */
  troubles: Record<string, number>;
  /** Jobs completed in each minute. */
  completedPerMinute: number[];
  /** Jobs by how they ended: "completed", or "dead letter: <reason>"; anything else is a defect. */
  ended: Record<string, number>;
  problems: string[];
}

/** Jobs of a soak that are open at once. */
const openAtOnce = 20;

/** What befalls a database, one of it every ten seconds of a soak. */
const troubles: Record<string, (sql: Sql) => Promise<unknown>> = {
  "a waiting message was deleted": (sql) =>
    sql`delete from pgmq.q_pageperfect where msg_id = (
      select s.msg_id from public.pageperfect_job_stages as s where s.status = 'queued' order by random() limit 1)`,
  "all database sessions were ended": (sql) =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()`,
  // In one message: postgres.js does not survive a session that ends within its `begin`.
  "a snapshot was held for eight seconds": (sql) =>
    sql.unsafe(
      "begin isolation level repeatable read; select count(*), pg_sleep(8) from pgmq.q_pageperfect; commit",
    ).simple(),
  "a crawl's job was cancelled": (sql) =>
    sql`select public.cancel_job('fetch', id) from public.fetch_jobs where is_open order by random() limit 1`,
};

/** Rejects nothing by itself: what went wrong is in `problems`. */
export async function storm(
  options: {
    /** How many jobs; or else for how long new ones come. */
    jobs?: number;
    minutes?: number;
    killEveryMs?: number;
    /** Then they are left in peace, or a machine on which a function boots slower than it is killed never ends. Default: two a job; as a soak, as many as there is time for. */
    maxKills?: number;
    /** A guard against hanging; default an hour. */
    withinMs?: number;
    report?: (open: number, kills: number) => void;
  },
): Promise<StormResult> {
  const lane = await openLane();
  const { stack, dir } = lane;
  const startedAt = Date.now();
  let kills = 0;
  const soakMs = (options.minutes ?? 0) * 60_000;
  const killer = setInterval(async () => {
    const running = stack.functions.running();
    const victim = running[Math.floor(Math.random() * running.length)];
    const isOver = options.jobs === undefined
      ? Date.now() > startedAt + soakMs
      : kills >= (options.maxKills ?? 2 * options.jobs);
    if (isOver) clearInterval(killer);
    else if (victim && await stack.killFunction(victim)) kills++;
  }, options.killEveryMs ?? 1_000);

  const befell: Record<string, number> = {};
  const troubler = setInterval(async () => {
    if (Date.now() > startedAt + soakMs) return;
    const [what, befall] =
      Object.entries(troubles)[Math.floor(Math.random() * Object.keys(troubles).length)];
    const sql = postgres(stack.adminDbUrl, { max: 1, onnotice: () => {} });
    try {
      await befall(sql);
      befell[what] = (befell[what] ?? 0) + 1;
    } catch {
      // Another trouble came first.
    } finally {
      await sql.end();
    }
  }, 10_000);
  const countOpen = async () => {
    for (;;) {
      try {
        const [{ open }] = await stack.sql<{ open: number }[]>`
          select count(*)::int as open from public.pageperfect_jobs where status in ('queued', 'processing')`;
        return open;
      } catch (error) {
        if (soakMs === 0) throw error; // else our own session was ended
      }
    }
  };

  try {
    let jobs = 0;
    const submitter = async () => {
      while (options.jobs === undefined ? Date.now() < startedAt + soakMs : jobs < options.jobs) {
        if (soakMs > 0 && await countOpen() >= openAtOnce) {
          await new Promise((resolve) => setTimeout(resolve, 500));
        } else await submit(lane, `${lane.pageUrl}?page=${jobs++}`);
      }
    };
    await Promise.all([submitter(), submitter()]);

    const until = startedAt + soakMs + (options.withinMs ?? 60 * 60_000);
    for (;;) {
      const open = await countOpen();
      options.report?.(open, kills);
      if (open === 0 || Date.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    clearInterval(killer);
    clearInterval(troubler);

    const rows = await stack.sql<{ ended: string; count: number }[]>`
      select case when j.status = 'failed' then 'dead letter: ' || (
          select d.failure_reason from public.pageperfect_dead_letters as d where d.job_id = j.id order by d.id desc limit 1)
        else j.status end as ended, count(*)::int
      from public.pageperfect_jobs as j group by 1 order by 2 desc`;
    const broken = await stack.sql`select rule, detail from public.check_invariants()`;
    const problems = broken.map(({ rule, detail }) => `not so: ${rule} (${detail})`);
    const [counts] = await stack.sql`
      select
        (select count(*)::int from public.pageperfect_jobs) as jobs,
        (select count(*)::int from public.pageperfect_jobs where status = 'completed') as completed,
        (select count(*)::int from public.rewrite_drafts) as drafts,
        (select count(*)::int from (
          select from public.pageperfect_job_events where status = 'completed' group by job_id, stage having count(*) > 1) as t) as doubled`;
    if (counts.jobs !== jobs) problems.push(`${counts.jobs} jobs instead of ${jobs}`);
    const minutes = await stack.sql<{ count: number }[]>`
      select count(j.id)::int as count
      from generate_series(${new Date(
      startedAt,
    )}::timestamptz, now(), interval '1 minute') as m (start)
      left join public.pageperfect_jobs as j on j.completed_at >= m.start and j.completed_at < m.start + interval '1 minute'
      group by m.start order by m.start`;
    if (counts.drafts < counts.completed) {
      problems.push(`${counts.drafts} drafts for ${counts.completed} completed jobs`);
    }
    if (counts.doubled > 0) problems.push(`${counts.doubled} stages were committed twice`);
    return {
      jobs,
      kills,
      troubles: befell,
      completedPerMinute: minutes.map(({ count }) => count),
      seconds: Math.round((Date.now() - startedAt) / 1000),
      ended: Object.fromEntries(rows.map(({ ended, count }) => [ended, count])),
      problems,
    };
  } finally {
    clearInterval(killer);
    clearInterval(troubler);
    await stack.stop();
    await Deno.remove(dir, { recursive: true });
  }
}
