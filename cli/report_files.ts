// Where reports come from and go to: a job's result by its id, files by their form.

import type { SupabaseClient } from "npm:@supabase/supabase-js@2.119.1";
import { renderCsv } from "./report/csv.ts";
import { renderMarkdown } from "./report/markdown.ts";
import type { Report } from "./report/report.ts";
import { type JobResult, schemaVersion } from "./report/result.ts";
import { rpc } from "./rpc.ts";

/** Reads what a job found so far. */
export async function readResult(supabase: SupabaseClient, jobId: string): Promise<JobResult> {
  let result: JobResult;
  try {
    result = await rpc(supabase, "get_pageperfect_report", { p_job_id: jobId });
  } catch (error) {
    throw new Error(`the report of job ${jobId} cannot be read: ${(error as Error).message}`);
  }
  return checkVersion(result, `job ${jobId}`);
}

/** The value, when it is of the version that this command line reads. */
export function checkVersion<T extends { schema_version?: number }>(value: T, name: string): T {
  if (value?.schema_version === schemaVersion) return value;
  throw new Error(
    `the result of ${name} is of version ${
      value?.schema_version ?? 1
    }, and this command line reads version ${schemaVersion}: analyse the page again`,
  );
}

/** The forms of a report, by the option's name. */
export const forms = ["md", "html", "csv", "json"] as const;
export type Form = typeof forms[number];

/** A report in one form. */
export async function render(
  report: Report,
  form: Form,
  rows: "edits" | "queries" = "edits",
): Promise<string> {
  switch (form) {
    case "md":
      return renderMarkdown(report);
    case "html":
      // Its Markdown reader takes a while to load.
      return (await import("./report/html.ts")).renderHtml(report);
    case "csv":
      return renderCsv(report, rows);
    case "json":
      return JSON.stringify(report, null, 2) + "\n";
  }
}

/** Writes every form of a report into a folder and names the files. */
export async function writeFiles(report: Report, out: string): Promise<string[]> {
  const dir = out.replace(/\/+$/, "") || "/";
  const files = {
    "report.md": await render(report, "md"),
    "report.html": await render(report, "html"),
    "edits.csv": await render(report, "csv", "edits"),
    "queries.csv": await render(report, "csv", "queries"),
    "report.json": await render(report, "json"),
  };
  await Deno.mkdir(dir, { recursive: true });
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${dir}/${name}`, text);
  }
  return Object.keys(files).map((name) => `${dir}/${name}`);
}
