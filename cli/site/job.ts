// The job of a site's run: made of what was given, or the open one of the same request.

import type { SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import type { Answer, Args, FunctionName } from "../../functions/_shared/platform/database.ts";
import { sha256 } from "../../local/paths.ts";
import type { RunningStack } from "../../local/stack.ts";
import { plain } from "../report/text.ts";
import { rpc, RpcError } from "../rpc.ts";
import { say } from "../say.ts";
import { exitCodes, stop } from "./exit.ts";
import { type Input, maxUrls, type Rows } from "./input.ts";

/** Of the command. */
export interface SiteOptions {
  sample?: boolean;
  property?: string;
  sitemap?: string;
  list?: string;
  folder?: string;
  select: string;
  maxPages?: number;
  maxUsd?: number;
  maxAgeHours?: number;
  periodDays?: number;
  top?: number;
  drafts?: number;
  priority?: number;
  out?: string;
  json?: boolean;
  retry?: string;
  cancel?: string;
  outcomes?: string;
  every?: number;
  timeout: number;
}

/** Under which address the pages of a folder stand here, and what they are called. */
export interface Shown {
  served?: string;
  base?: string;
}

interface Source {
  request: { site: Record<string, unknown> };
  shown: Shown;
}

/** What the request says of the pages; an export's rows are stored by then. */
export async function sourceOf(
  stack: RunningStack,
  { rows, file, folder, files, urls }: Input,
  { sitemap, property }: SiteOptions,
): Promise<Source> {
  if (folder !== undefined) return await folderOf(stack, rows!, folder, files!);
  const pages = rows && await importRows(stack, rows);
  const site = urls !== undefined
    ? { urls }
    : sitemap !== undefined
    ? { sitemap }
    : property !== undefined
    ? { property }
    : { urls: mostSeen(pages!, file!) };
  return { request: { site }, shown: {} };
}

/** The pages of an export, as many as one request names. */
function mostSeen(impressions: Map<string, number>, file: string): string[] {
  const pages = [...impressions];
  if (pages.length <= maxUrls) return pages.map(([page]) => page);
  say(
    `${file}: of ${pages.length.toLocaleString("en")} pages the ${
      maxUrls.toLocaleString("en")
    } with the most impressions are looked at`,
  );
  return pages.sort(([, a], [, b]) => b - a).slice(0, maxUrls).map(([page]) => page);
}

/** Pages served from the stack under the addresses of an export; their contents' digests stand for modification times. */
async function folderOf(
  stack: RunningStack,
  rows: Rows,
  folder: string,
  files: string[],
): Promise<Source> {
  const served = await stack.serveFile(folder);
  let base: string | undefined;
  await importRows(stack, rows, (page) => {
    base ??= new URL(page).origin + "/";
    return page.startsWith(base) ? served + page.slice(base.length) : page;
  });
  const urls = await Promise.all(files.map(async (path) => ({
    url: served + path.slice(folder.length + 1).replace(/index\.html$/, ""),
    last_modified: sha256(await Deno.readFile(path)).slice(0, 16),
  })));
  return { request: { site: { urls } }, shown: { served, base } };
}

/** Stores the rows of an export under the addresses that `place` gives their pages; answers with each page's impressions. */
async function importRows(
  stack: RunningStack,
  rows: Rows,
  place = (page: string) => page,
): Promise<Map<string, number>> {
  const impressions = new Map<string, number>();
  for (let part = rows.next(5_000); part !== undefined; part = rows.next(5_000)) {
    for (const row of part) {
      row.page = place(row.page);
      impressions.set(row.page, (impressions.get(row.page) ?? 0) + row.impressions);
    }
    const response = await fetch(`${stack.apiUrl}/rest/v1/rpc/upsert_gsc_rows`, {
      method: "POST",
      headers: {
        "apikey": stack.secretKey,
        "authorization": `Bearer ${stack.serviceRoleKey}`,
        "content-type": "application/json",
      },
      body: JSON.stringify({ p_rows: part }),
    });
    if (!response.ok) {
      stop(
        exitCodes.job,
        `the rows were not stored: ${plain(await response.text()).slice(0, 300)}`,
      );
    }
    await response.body?.cancel();
  }
  return impressions;
}

/** Fields of the intake's answer, as the user gave them here. */
const optionNames: Record<string, string> = {
  "site.sitemap": "--sitemap",
  "site.property": "--property",
  max_usd: "--max-usd",
};

/** An open job of the very same request is gone on with: the command was interrupted. */
export async function findOrCreate(
  stack: RunningStack,
  supabase: SupabaseClient,
  source: { site: Record<string, unknown> },
  options: SiteOptions,
): Promise<string> {
  const request = {
    ...source,
    select: options.select,
    max_pages: options.maxPages,
    max_usd: options.maxUsd,
    max_age_hours: options.maxAgeHours,
    period_days: options.periodDays,
    top: options.top,
    drafts: options.drafts || undefined,
    priority: options.priority,
  };
  const fingerprint = sha256(JSON.stringify(request)).slice(0, 32);
  const { data, error } = await supabase.from("site_jobs").select("id,status")
    .eq("payload->>fingerprint", fingerprint).order("created_at", { ascending: false }).limit(1);
  if (error) throw new Error(`the jobs cannot be read: ${error.message}`);
  const [last] = data;
  if (last && ["queued", "processing"].includes(last.status)) {
    say(`going on with job ${last.id}`);
    return last.id;
  }
  const response = await fetch(`${stack.apiUrl}/functions/v1/pageperfect-workflow`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${stack.serviceRoleKey}`,
      "content-type": "application/json",
    },
    // Commands that begin at the same time get one job.
    body: JSON.stringify({
      ...request,
      fingerprint,
      idempotency_key: `site ${fingerprint} after ${last?.id ?? "none"}`,
    }),
  });
  const text = await response.text();
  if (response.status === 202) {
    const { job_id } = JSON.parse(text);
    say(`job ${job_id}`);
    return job_id;
  }
  if (response.status === 400) {
    const { errors } = JSON.parse(text) as { errors: { field: string; message: string }[] };
    stop(
      exitCodes.input,
      ...errors.map(({ field, message }) => `${optionNames[field] ?? field}: ${plain(message)}`),
    );
  }
  return stop(
    exitCodes.job,
    `the job was not accepted: HTTP ${response.status} ${plain(text).slice(0, 300)}`,
    `the functions' logs are in ${stack.logsDir}`,
  );
}

export async function call<Name extends FunctionName, InJson>(
  supabase: SupabaseClient,
  name: Name,
  args: Args<Name>,
): Promise<Answer<Name, InJson>> {
  try {
    return await rpc(supabase, name, args);
  } catch (error) {
    if (error instanceof RpcError && ["P0002", "22P02"].includes(error.code)) {
      stop(exitCodes.input, plain(error.message));
    }
    throw error;
  }
}

export async function schedule(supabase: SupabaseClient, jobId: string, everyDays: number) {
  try {
    const answer: { status: string; every_days: number; next_at: string } = await rpc(
      supabase,
      "schedule_site",
      // The generated types know no null; null ends a schedule.
      { p_job_id: jobId, p_every_days: everyDays === 0 ? null as unknown as number : everyDays },
    );
    say(
      answer.status === "scheduled"
        ? `again every ${answer.every_days} days, next on ${answer.next_at.slice(0, 10)}`
        : "not made again by itself",
    );
  } catch (error) {
    if (error instanceof RpcError && error.code === "22023") {
      stop(exitCodes.input, plain(error.message.replace("schedule_site", "--every")));
    }
    throw error;
  }
}
