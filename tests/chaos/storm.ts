// Many jobs through all six real stages while some function's process is killed every second.

import { openLane, submit } from "./kill_matrix.ts";

export interface StormResult {
  jobs: number;
  kills: number;
  seconds: number;
  /** Jobs by how they ended: "completed", or "dead letter: <reason>"; anything else is a defect. */
  ended: Record<string, number>;
  problems: string[];
}

/** Rejects nothing by itself: what went wrong is in `problems`. */
export async function storm(
  options: {
    jobs: number;
    killEveryMs?: number;
    /** Then they are left in peace, or a machine on which a function boots slower than it is killed never ends. Default: two a job. */
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
  const killer = setInterval(async () => {
    const running = stack.functions.running();
    const victim = running[Math.floor(Math.random() * running.length)];
    if (kills >= (options.maxKills ?? 2 * options.jobs)) clearInterval(killer);
    else if (victim && await stack.killFunction(victim)) kills++;
  }, options.killEveryMs ?? 1_000);

  try {
    const waiting = Array.from({ length: options.jobs }, (_, i) => i);
    const ids: string[] = [];
    const submitter = async () => {
      for (let i = waiting.shift(); i !== undefined; i = waiting.shift()) {
        ids.push(await submit(lane, `${lane.pageUrl}?page=${i}`));
      }
    };
    await Promise.all([submitter(), submitter()]);

    const until = startedAt + (options.withinMs ?? 60 * 60_000);
    for (;;) {
      const [{ open }] = await stack.sql<{ open: number }[]>`
        select count(*)::int as open from public.pageperfect_jobs where status in ('queued', 'processing')`;
      options.report?.(open, kills);
      if (open === 0 || Date.now() > until) break;
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
    clearInterval(killer);

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
    if (counts.jobs !== options.jobs) {
      problems.push(`${counts.jobs} jobs instead of ${options.jobs}`);
    }
    if (counts.drafts < counts.completed) {
      problems.push(`${counts.drafts} drafts for ${counts.completed} completed jobs`);
    }
    if (counts.doubled > 0) problems.push(`${counts.doubled} stages were committed twice`);
    return {
      jobs: options.jobs,
      kills,
      seconds: Math.round((Date.now() - startedAt) / 1000),
      ended: Object.fromEntries(rows.map(({ ended, count }) => [ended, count])),
      problems,
    };
  } finally {
    clearInterval(killer);
    await stack.stop();
    await Deno.remove(dir, { recursive: true });
  }
}
