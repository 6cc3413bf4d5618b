// The usual steps of the reproductions.

import type { Sql } from "./edge.ts";

export interface Claim {
  msg_id: number;
  read_ct: number;
  job_id: string;
  stage: string;
  attempt_count: number;
}

export const stages = [
  "submit_crawl",
  "wait_crawl",
  "segment_embed",
  "keyword_clustering",
  "gap_analysis",
  "rewrite_draft",
];

export async function createJob(
  sql: Sql,
  request: Record<string, unknown> = {},
  userId: string | null = null,
): Promise<string> {
  const body = sql.json({ url: "https://example.com/page", ...request } as never);
  const [{ job }] = await sql`select create_pageperfect_job(${body}, ${userId}) as job`;
  return job.job_id;
}

export async function createContentJob(sql: Sql, stage = "research"): Promise<string> {
  const [{ job }] = await sql`select create_content_job('{}', ${stage}) as job`;
  return job.job_id;
}

export async function claim(
  sql: Sql,
  stage: string,
  pipeline = "pageperfect",
  seconds = 60,
): Promise<Claim | null> {
  const [{ got }] = await sql`select claim_stage(${pipeline}, ${stage}, ${seconds}) as got`;
  return got;
}

/**
 * Commits a stage: the crawl's order as it is, of the others only the transition, without rows of their own.
 *
 * @returns the commit's status
 */
export async function commit(sql: Sql, { stage, msg_id, read_ct }: Claim): Promise<string> {
  const [{ answer }] = stage === "submit_crawl"
    ? await sql`
      select commit_submit_crawl(${msg_id}, ${read_ct}, jsonb_build_object('url', (
        select url from public.pages limit 1))) as answer`
    : await sql`select commit_stage('pageperfect', ${msg_id}, ${read_ct}) as answer`;
  return answer.status;
}

/** Crawls whatever waits and may be crawled now; how many. */
export async function crawl(sql: Sql, count = 100): Promise<Claim[]> {
  const [{ claims }] = await sql`select claim_stages('fetch', 'crawl', 60, ${count}) as claims`;
  return claims;
}

export async function finishCrawl(sql: Sql, { msg_id, read_ct }: Claim): Promise<void> {
  const page = sql.json({ html: "<h1>Hello</h1>", http_status: 200, provider: "direct" });
  await sql`select commit_crawl(${msg_id}, ${read_ct}, ${page})`;
}

/** Brings what is queued up to `stage` and claims that. */
export async function claimAt(sql: Sql, stage: string): Promise<Claim> {
  for (const name of stages) {
    if (name === "wait_crawl" && stage !== "wait_crawl") {
      for (const one of await crawl(sql)) await finishCrawl(sql, one);
    }
    const got = await claim(sql, name);
    if (!got) throw new Error(`nothing to claim at ${name}`);
    if (name === stage) return got;
    await commit(sql, got);
  }
  throw new Error(`there is no stage ${stage}`);
}

export async function violations(sql: Sql): Promise<string[]> {
  const rows = await sql`select rule, detail from check_invariants()`;
  return rows.map(({ rule, detail }) => `${rule} (${detail})`);
}
