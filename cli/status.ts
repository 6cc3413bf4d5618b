// `status [JOB]`: the running stack, or one job's stages, events and dead letters.

import type { Command } from "npm:commander@15.1.0";
import { attachStack } from "../local/stack.ts";
import { describe } from "./stack.ts";

type Row = Record<string, unknown>;

function cell(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString().slice(0, 19).replace("T", " ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** Rows as aligned columns under a title. */
function table(title: string, rows: Row[]): string {
  if (rows.length === 0) return `${title}: none\n`;
  const names = Object.keys(rows[0]);
  const cells = [names, ...rows.map((row) => names.map((name) => cell(row[name])))]
    .map((row) => row.map((text) => text.length > 60 ? `${text.slice(0, 59)}…` : text));
  const widths = names.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  const lines = cells.map((row) =>
    row.map((text, i) => text.padEnd(widths[i])).join("  ").trimEnd()
  );
  return [title, ...lines.map((line) => `  ${line}`)].join("\n") + "\n";
}

/** One row, a line a column. */
function record(title: string, row: Row): string {
  const width = Math.max(...Object.keys(row).map((name) => name.length));
  const lines = Object.entries(row).filter(([, value]) => value !== null)
    .map(([name, value]) => `  ${name.padEnd(width)}  ${cell(value)}`);
  return [title, ...lines].join("\n") + "\n";
}

export function registerStatus(program: Command) {
  program.command("status [job]")
    .description("show the running stack and its latest jobs, or everything about one job")
    .option("--json", "print JSON")
    .option("--keys", "print the stack's keys and passwords as well")
    .action(async (job: string | undefined, options: { json?: boolean; keys?: boolean }) => {
      await using stack = await attachStack();
      if (!stack) throw new Error("no stack is running: start it with ./pageperfect up");
      const { sql } = stack;
      const sections: Record<string, Row[]> = {};
      if (job === undefined) {
        sections["latest jobs"] = await sql`
          select id, status, stage, url, priority, created_at, completed_at
          from public.pageperfect_jobs order by created_at desc limit 20`;
        sections.queue = await sql`
          select message ->> 'stage' as stage, count(*)::int as messages,
            count(*) filter (where vt <= now())::int as ready, min(enqueued_at) as oldest
          from pgmq.q_pageperfect group by 1 order by 1`;
        const [{ count }] = await sql`select count(*)::int from public.pageperfect_dead_letters`;
        sections["dead letters"] = count > 0 ? [{ count }] : [];
      } else {
        if (!/^[0-9a-f-]{36}$/i.test(job)) throw new Error(`${job} is no job id (a uuid)`);
        sections.job =
          await sql`select * from public.v_pageperfect_job_status where job_id = ${job}`;
        if (sections.job.length === 0) throw new Error(`there is no job ${job} in this stack`);
        sections.stages = await sql`
          select stage, status, attempt_count, started_at, finished_at
          from public.pageperfect_job_stages where job_id = ${job} order by started_at nulls last`;
        sections.events = await sql`
          select created_at, stage, status, message
          from public.pageperfect_job_events where job_id = ${job} order by created_at, id`;
        sections["dead letters"] = await sql`
          select id, stage, failure_reason, error_details, routed_at
          from public.pageperfect_dead_letters where job_id = ${job} order by routed_at`;
      }
      if (options.json) {
        const { apiUrl, standinUrl, logsDir } = stack;
        const { dbUrl, serviceRoleKey, secretKey, anonKey, publishableKey, jwtSecret } = stack;
        const keys = { dbUrl, serviceRoleKey, secretKey, anonKey, publishableKey, jwtSecret };
        const where = { apiUrl, standinUrl, logsDir, ...options.keys ? keys : {} };
        console.log(JSON.stringify({ ...where, ...sections }, null, 2));
      } else {
        if (job === undefined) console.log(`${describe(stack, options.keys === true)}\n`);
        for (const [title, rows] of Object.entries(sections)) {
          console.log(title === "job" ? record(title, rows[0]) : table(title, rows));
        }
      }
    });
}
