// `report JOB` and `compare JOB JOB`: what jobs found, in any form. A job is named by its id, in the running stack or in a
// project, or by the report.json that was written for it.

import { createClient } from "npm:@supabase/supabase-js@2.119.1";
import { type Command, CommanderError, Option } from "npm:commander@15.1.0";
import { mayColor, reportWidth } from "./progress.ts";
import { compareReports, renderComparison } from "./report/compare.ts";
import { buildReport, type Report } from "./report/report.ts";
import { renderTerminal } from "./report/terminal.ts";
import { checkVersion, type Form, forms, readResult, render } from "./report_files.ts";
import { say } from "./say.ts";

/** Exit code for a command or input that is wrong. */
const wrongInput = 2;

interface SourceOptions {
  projectUrl?: string;
}

interface ReportOptions extends SourceOptions {
  format?: Form;
  rows: "edits" | "queries";
  out?: string;
}

export function registerReport(program: Command) {
  source(program.command("report <job>"))
    .description("show what a job found, in any form")
    .addOption(
      new Option("-f, --format <form>", "default: for reading in a terminal").choices(forms),
    )
    .addOption(
      new Option("--rows <rows>", "csv: a row a recommendation, or a row a query")
        .choices(["edits", "queries"]).default("edits"),
    )
    .option("-o, --out <file>", "write it into this file")
    .addHelpText("after", help)
    .action(async (job: string, options: ReportOptions) => {
      const [report] = await readReports([job], options);
      const text = options.format === undefined
        ? renderTerminal(report, {
          width: reportWidth(),
          color: options.out === undefined && mayColor(Deno.stdout),
        })
        : await render(report, options.format, options.rows);
      if (options.out === undefined) return print(text);
      await Deno.writeTextFile(options.out, text);
      say(`wrote ${options.out}`);
    });

  source(program.command("compare <before> <after>"))
    .description("show what two jobs on a page found: what closed, what opened")
    .option("--json", "print JSON")
    .addHelpText("after", help)
    .action(async (before: string, after: string, options: SourceOptions & { json?: boolean }) => {
      const reports = await readReports([before, after], options);
      const comparison = compareReports(reports[0], reports[1]);
      print(
        options.json
          ? JSON.stringify(comparison, null, 2) + "\n"
          : renderComparison(comparison, reports[1]),
      );
    });
}

const help = `
A job is its id, or the report.json that \`analyze -o\` wrote. Ids are looked up in the running stack;
with --project-url, and its secret key in PAGEPERFECT_SECRET_KEY, in that project.`;

const source = (command: Command) =>
  command.option("--project-url <url>", "the project that has the job: https://<ref>.supabase.co");

/** Reports end with a line break of their own. */
function print(text: string) {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
}

function stop(...lines: string[]): never {
  for (const line of lines) say(line);
  throw new CommanderError(wrongInput, "pageperfect.report", lines[0]);
}

async function readReports(names: string[], { projectUrl }: SourceOptions): Promise<Report[]> {
  const isId = (name: string) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name);
  await using project = names.some(isId) ? await openProject(projectUrl) : undefined;
  const reports: Report[] = [];
  for (const name of names) {
    if (!isId(name)) {
      reports.push(await readReportFile(name));
      continue;
    }
    const { apiUrl, key, madeByStandins } = project!;
    const client = createClient(apiUrl, key, {
      auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    });
    try {
      const result = await readResult(client, name);
      reports.push(buildReport(result, { madeByStandins, warnings: [] }));
    } catch (error) {
      stop((error as Error).message);
    }
  }
  return reports;
}

async function readReportFile(path: string): Promise<Report> {
  try {
    const report = checkVersion(JSON.parse(await Deno.readTextFile(path)) as Report, path);
    return buildReport(report, {
      source: report.source ?? undefined,
      madeByStandins: report.made_by_standins ?? [],
      warnings: report.warnings ?? [],
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      stop(`${path} is no job id, and there is no such file`);
    }
    return stop(`${path} cannot be read as a report: ${(error as Error).message}`);
  }
}

interface Project extends AsyncDisposable {
  apiUrl: string;
  key: string;
  madeByStandins: Report["made_by_standins"];
}

async function openProject(projectUrl: string | undefined): Promise<Project> {
  if (projectUrl === undefined) {
    const { attachStack } = await import("../local/stack.ts");
    const stack = await attachStack();
    if (!stack) stop("no stack is running: start it with ./pageperfect up, or give --project-url");
    const { madeByStandins } = await import("./analyze.ts");
    return {
      apiUrl: stack.apiUrl,
      key: stack.serviceRoleKey,
      madeByStandins: madeByStandins(stack.realApis),
      [Symbol.asyncDispose]: () => stack.stop(),
    };
  }
  if (!URL.canParse(projectUrl)) {
    stop(`${projectUrl} is not like https://<project ref>.supabase.co`);
  }
  const key = Deno.env.get("PAGEPERFECT_SECRET_KEY");
  if (!key) stop("set PAGEPERFECT_SECRET_KEY to a secret key of the project");
  return {
    apiUrl: projectUrl.replace(/\/+$/, ""),
    key,
    madeByStandins: [],
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
