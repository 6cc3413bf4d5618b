// `gsc-import`: a Search Console CSV of any size into a project, through the function as any outside user would.

import { type Command, CommanderError } from "npm:commander@15.1.0";
import { ensureBuilt } from "./build.ts";
import { say } from "./say.ts";

interface ImportOptions {
  url?: string;
  date?: string;
  json?: boolean;
  projectUrl?: string;
}

/** The part of functions/_shared/wasm/gsc.ts that is used here. */
interface Gsc {
  SearchConsoleRows: new (bytes: Uint8Array, page?: string, date?: string) => {
    next_part(maxRows: number, maxBytes: number): Uint8Array<ArrayBuffer> | undefined;
    readonly taken_count: number;
    readonly row_count: number;
    readonly page_count: number;
    readonly warnings: string[];
  };
}

/** Exit codes: the import did not succeed; the command or its input is wrong. */
const exitCodes = { failed: 1, input: 2 };

/** One request's rows and bytes: well within the CPU time of one invocation, and below the function's limit. */
const limits = { rows: 10_000, bytes: 3_500_000 };
const attempts = 4;
const keyName = "PAGEPERFECT_SECRET_KEY";

export function registerGscImport(program: Command) {
  program.command("gsc-import <file>")
    .description("store the rows of a Search Console CSV: many pages, queries and days")
    .option("--url <url>", "the page that all rows belong to, for a file without a column of pages")
    .option("--date <day>", "the day that all rows count, for a file without a column of dates")
    .option("--project-url <url>", `a Supabase project; ${keyName} holds a secret key of it`)
    .option("--json", "print {row_count, page_count, warnings}")
    .addHelpText(
      "after",
      `
Columns, in any order: page, query, date (2025-01-31), clicks, impressions, position, as the API, BigQuery or
Search Console name them. Without dates the rows are totals over a period. A row that is stored already is replaced,
so the same file may be imported again.

Without --project-url the rows go into the embedded stack.
Exit codes: 0 imported, 1 the import failed, 2 wrong options or input.`,
    )
    .action(async (file: string, options: ImportOptions) => {
      const result = await gscImport(file, options);
      for (const warning of result.warnings) say(`${file}: ${warning}`);
      const { row_count, page_count } = result;
      console.log(
        options.json
          ? JSON.stringify(result, null, 2)
          : `imported ${row_count.toLocaleString("en")} rows of ${
            page_count.toLocaleString("en")
          } pages`,
      );
    });
}

function stop(exitCode: number, line: string): never {
  say(line);
  throw new CommanderError(exitCode, "pageperfect.gsc-import", line);
}

async function gscImport(file: string, options: ImportOptions) {
  await ensureBuilt(say);
  // A generated module: it need not exist when this one is loaded.
  const module = new URL("../functions/_shared/wasm/gsc.ts", import.meta.url).href;
  const { SearchConsoleRows }: Gsc = await import(module);
  let rows;
  try {
    // The whole file is checked before the first row leaves, so errors name its own lines.
    const bytes = await readFile(file);
    rows = new SearchConsoleRows(bytes, options.url, options.date);
    // The reader has what it needs: the file's memory is free for the parts.
    bytes.buffer.transfer(0);
  } catch (error) {
    if (error instanceof CommanderError) throw error;
    const { message } = error as Error;
    const hint = /lacks page;/.test(message) ? " (--url)" : "";
    stop(exitCodes.input, `${file}, ${message}${hint}`);
  }

  await using target = await openTarget(options.projectUrl);
  const { row_count, page_count, warnings } = rows;
  for (let sentCount = 0; sentCount < row_count; sentCount = rows.taken_count) {
    const part = rows.next_part(limits.rows, limits.bytes)!;
    await send(target, part, sentCount);
    // Freed at once: the garbage collector sees no reason to hurry for bytes outside its heap.
    part.buffer.transfer(0);
    say(`${rows.taken_count.toLocaleString("en")} of ${row_count.toLocaleString("en")} rows`);
  }
  return { row_count, page_count, warnings };
}

/** The file's bytes, in no more memory than they take. */
async function readFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    using file = await Deno.open(path);
    const bytes = new Uint8Array((await file.stat()).size);
    let length = 0;
    while (length < bytes.length) {
      const count = await file.read(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } catch (error) {
    stop(exitCodes.input, `${path} cannot be read: ${(error as Error).message}`);
  }
}

interface Target extends AsyncDisposable {
  apiUrl: string;
  secretKey: string;
}

async function openTarget(projectUrl: string | undefined): Promise<Target> {
  if (projectUrl === undefined) {
    // Not needed for a project elsewhere.
    const { attachStack, startOrAttach } = await import("../local/stack.ts");
    const attached = await attachStack();
    if (!attached) say("starting the stack (./pageperfect up keeps one running)");
    return attached ?? await startOrAttach({ instance: "default", report: say });
  }
  if (!URL.canParse(projectUrl)) {
    stop(exitCodes.input, `${projectUrl} is not like https://<project ref>.supabase.co`);
  }
  const secretKey = Deno.env.get(keyName);
  if (!secretKey) stop(exitCodes.input, `set ${keyName} to a secret key of the project`);
  return {
    apiUrl: projectUrl.replace(/\/+$/, ""),
    secretKey,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Sends one part, again when the project is busy: no row counts twice. */
async function send(
  target: Target,
  part: Uint8Array<ArrayBuffer>,
  sentCount: number,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    const { status, message } = await post(target, part);
    if (status === 200) return;
    const isTransient = status === 0 || status === 429 || status >= 500;
    if (!isTransient || attempt === attempts) {
      const hint = status === 401
        ? `; is ${keyName} a secret key of this project?`
        : status === 404
        ? "; is pageperfect-gsc-import deployed?"
        : "; import the file again, no row counts twice";
      stop(exitCodes.failed, `failed after ${sentCount} rows: ${message}${hint}`);
    }
    say(`${message}; trying again`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * 2 ** (attempt - 1)));
  }
}

async function post(
  target: Target,
  part: Uint8Array<ArrayBuffer>,
): Promise<{ status: number; message: string }> {
  try {
    const response = await fetch(`${target.apiUrl}/functions/v1/pageperfect-gsc-import`, {
      method: "POST",
      headers: { apikey: target.secretKey, "content-type": "text/csv; charset=utf-8" },
      body: part,
    });
    const answer = await response.json().catch(() => ({}));
    const message = answer.message ?? answer.error ?? `HTTP ${response.status}`;
    return { status: response.status, message };
  } catch (error) {
    return { status: 0, message: `${target.apiUrl} does not answer: ${(error as Error).message}` };
  }
}
