// A stack and a site whose pages are sent through it.

import { equal } from "node:assert/strict";
import type { Stack } from "../../local/stack.ts";
import { until } from "./fakes.ts";
import { keywords } from "./site.ts";

export class Lane {
  constructor(readonly stack: Stack, readonly siteUrl: string) {}

  get sql() {
    return this.stack.sql;
  }

  async post(name: string, body: unknown = {}): Promise<Response> {
    return await fetch(`${this.stack.apiUrl}/functions/v1/${name}`, {
      method: "POST",
      headers: { apikey: this.stack.secretKey },
      body: JSON.stringify(body),
    });
  }

  async submit(page: string, options: Record<string, unknown> = {}): Promise<string> {
    const body = { url: this.siteUrl + page, keywords, ...options };
    const response = await this.post("pageperfect-workflow", body);
    equal(response.status, 202, await response.clone().text());
    return (await response.json()).job_id;
  }

  async ring(): Promise<void> {
    const response = await this.post("content-queue-dispatcher");
    await response.body?.cancel();
  }

  /** Waits for a job's end, ringing meanwhile as the ticker would. */
  async end(jobId: string, withinMs = 300_000): Promise<string> {
    let status = "";
    await until(
      async () => {
        [{ status }] = await this.sql`select status from pageperfect_jobs where id = ${jobId}`;
        if (["completed", "failed", "cancelled"].includes(status)) return true;
        await this.ring();
        return false;
      },
      `the end of job ${jobId}`,
      withinMs,
    );
    return status;
  }

  async stage(jobId: string, stage: string) {
    const [row] = await this.sql`select * from pageperfect_job_stages
      where job_id = ${jobId} and stage = ${stage}`;
    return row;
  }

  async deadLetter(jobId: string) {
    const [letter] = await this.sql`select stage, failure_reason, error_details
      from pageperfect_dead_letters where job_id = ${jobId}`;
    return letter;
  }

  async eventsOf(jobId: string, status: string) {
    return await this.sql`select stage, metadata, created_at from pageperfect_job_events
      where job_id = ${jobId} and status = ${status} order by id`;
  }
}
