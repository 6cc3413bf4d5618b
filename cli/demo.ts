// `demo`: the analysis of the sample site, with a word on what is being shown.

import type { Command } from "npm:commander@15.1.0";
import { root } from "../local/paths.ts";
import { addAnalysisOptions, analyze, type AnalyzeOptions, publish } from "./analyze.ts";
import { note } from "./progress.ts";

const introduction = `
The page: cli/sample/index.html, a bike shop's guide to commuting by bike.
The queries: cli/sample/queries.csv, 12 months of Search Console as the shop would export it.

PagePerfect crawls the page, cuts it into segments, clusters the queries by meaning, and compares
each cluster with each segment. A cluster that no segment comes near is a gap. Six stages, each one
message on a Postgres queue, each served by the function that would run on Supabase:
`;

const epilogue = `
That was the whole pipeline. The same on a page of yours:
  ./pageperfect analyze https://example.com/guide --keywords Queries.csv`;

/** What took how long from the command to the report; the first ones are the run script's. */
function times(analysisMs: number): string {
  const env = (name: string) => Deno.env.get(name) ?? "";
  const total = Math.round(Date.now() / 1000 - Number(env("PAGEPERFECT_BEGAN")));
  const steps = [
    env("PAGEPERFECT_STEPS"),
    `Postgres, the functions and the analysis ${Math.round(analysisMs / 1000)} s`,
  ];
  return `From the command to the report: ${total} s (${steps.filter(Boolean).join(", ")})`;
}

export function registerDemo(program: Command) {
  addAnalysisOptions(program.command("demo").description("run the whole pipeline on a sample page"))
    .option("-o, --out <dir>", "folder for the report's files", "pageperfect-report")
    .action(async (options: AnalyzeOptions) => {
      note(introduction);
      const sample = `${root}/cli/sample`;
      const started = performance.now();
      const analysis = await analyze(`${sample}/index.html`, {
        ...options,
        keywords: `${sample}/queries.csv`,
      });
      await publish(analysis, options);
      if (Deno.env.has("PAGEPERFECT_BEGAN")) note(times(performance.now() - started));
      note(epilogue);
    });
}
