// Stands in for pg_cron and pg_net: runs the due jobs of cron.job and sends what net.http_post queued.
// Where no schedule rings the dispatcher and the crawler, or a test wants it more often, it does so.

import { Cron } from "npm:croner@11.0.1";
import type { Sql } from "npm:postgres@3.4.9";

export interface TickerOptions {
  /** Seconds between doorbells to content-queue-dispatcher; default 10 without schedules, else none. */
  dispatcherSeconds?: number;
  /** Seconds between doorbells to crawl-cron; default 30 without schedules, else none. */
  crawlSeconds?: number;
}

interface CronJob {
  jobid: string;
  schedule: string;
  command: string;
  username: string;
}

interface QueuedRequest {
  id: string;
  method: string;
  url: string;
  headers: Record<string, string> | null;
  body: Uint8Array<ArrayBuffer> | null;
  timeout_milliseconds: number;
}

/** Whether a job is due at `now` (UTC), given when it last ran; both in milliseconds. */
export function isDue(schedule: string, lastRun: number, now: number): boolean {
  const seconds = /^\s*(\d+) seconds?\s*$/.exec(schedule);
  if (seconds) return now - lastRun >= Number(seconds[1]) * 1000;
  const minute = (time: number) => Math.floor(time / 60_000) * 60_000;
  if (minute(lastRun) === minute(now)) return false;
  return new Cron(schedule, { timezone: "UTC" }).match(new Date(minute(now)));
}

/** Starts ticking; `stop` waits for what is being sent. */
export async function startTicker(
  sql: Sql,
  apiUrl: string,
  secretKey: string,
  options: TickerOptions,
): Promise<{ stop(): Promise<void> }> {
  const inFlight = new Set<Promise<unknown>>();
  const track = (work: Promise<unknown>) => {
    const settled = work.catch((error) => console.error("ticker:", error)).finally(() => {
      inFlight.delete(settled);
    });
    inFlight.add(settled);
  };
  const timers: ReturnType<typeof setInterval>[] = [];
  const every = (seconds: number, action: () => void) => {
    if (seconds > 0) timers.push(setInterval(action, seconds * 1000));
  };
  const abort = new AbortController();

  const ring = async (name: string) => {
    try {
      const response = await fetch(`${apiUrl}/functions/v1/${name}`, {
        method: "POST",
        headers: { apikey: secretKey, "content-type": "application/json" },
        body: "{}",
        signal: AbortSignal.any([abort.signal, AbortSignal.timeout(60_000)]),
      });
      await response.body?.cancel();
    } catch { /* a lost doorbell: the next one comes */ }
  };

  const send = async (request: QueuedRequest) => {
    let answer: { status?: number; type?: string | null; headers?: object; text?: string };
    let failure: string | null = null;
    let timedOut = false;
    try {
      const response = await fetch(request.url, {
        method: request.method,
        headers: request.headers ?? {},
        body: request.body,
        signal: AbortSignal.any([abort.signal, AbortSignal.timeout(request.timeout_milliseconds)]),
      });
      const { status, headers } = response;
      const text = await response.text();
      const type = headers.get("content-type");
      answer = { status, type, headers: Object.fromEntries(headers), text };
    } catch (error) {
      answer = {};
      failure = String(error);
      timedOut = (error as Error).name === "TimeoutError";
    }
    if (abort.signal.aborted) return;
    await sql`
      insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
      values (
        ${request.id}, ${answer.status ?? null}, ${answer.type ?? null},
        ${answer.headers ? JSON.stringify(answer.headers) : null}::text::jsonb, ${
      answer.text ?? null
    },
        ${timedOut}, ${failure}
      )`;
  };

  const sendQueued = async () => {
    const requests = await sql<QueuedRequest[]>`
      delete from net.http_request_queue
      where id in (select id from net.http_request_queue order by id limit 200 for update skip locked)
      returning id::text, method, url, headers, body, timeout_milliseconds`;
    for (const request of requests) track(send(request));
  };

  const started = Date.now();
  const lastRuns = new Map<string, number>();
  const running = new Set<string>();
  const runJob = async (job: CronJob) => {
    running.add(job.jobid);
    const start = new Date();
    let status = "succeeded", message = "";
    try {
      // One message, hence one transaction. Not `sql.begin`, which does not survive a session that ends within it (RestApi).
      const results = await sql.unsafe(
        `select set_config('role', '${job.username.replaceAll("'", "''")}', true); ${job.command}`,
      ).simple();
      message = `${results.at(-1)?.count ?? 0} rows`;
    } catch (error) {
      status = "failed";
      message = (error as Error).message;
    } finally {
      running.delete(job.jobid);
    }
    await sql`
      insert into cron.job_run_details (jobid, username, command, status, return_message, start_time, end_time)
      values (${job.jobid}, ${job.username}, ${job.command}, ${status}, ${message}, ${start}, now())`;
  };
  const runDueJobs = async () => {
    const jobs = await sql<CronJob[]>`
      select jobid::text, schedule, command, username from cron.job where active`;
    const now = Date.now();
    for (const job of jobs) {
      const last = lastRuns.get(job.jobid) ?? started;
      if (running.has(job.jobid) || !isDue(job.schedule, last, now)) continue;
      lastRuns.set(job.jobid, now);
      track(runJob(job));
    }
  };

  const [present] = await sql`
    select to_regclass('cron.job') is not null as cron,
      to_regclass('net.http_request_queue') is not null as net`;
  if (present.cron) every(1, () => track(runDueJobs()));
  const { dispatcherSeconds = present.cron ? 0 : 10, crawlSeconds = present.cron ? 0 : 30 } =
    options;
  every(dispatcherSeconds, () => track(ring("content-queue-dispatcher")));
  every(crawlSeconds, () => track(ring("crawl-cron")));
  const listener = present.net
    ? await sql.listen("pg_net", () => track(sendQueued()), () => track(sendQueued()))
    : undefined;

  return {
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await listener?.unlisten();
      abort.abort();
      while (inFlight.size > 0) await Promise.all(inFlight);
    },
  };
}
