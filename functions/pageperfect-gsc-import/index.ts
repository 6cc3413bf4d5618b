// Search Console's figures into gsc_page_query: a CSV file that is posted, or the properties of gsc_properties through
// the API, a day at a time. Rows are upserted by page, query and date, so whatever is sent twice counts once.
import { rpc, supabaseAdmin } from "../_shared/client.ts";
import { createDoorbell } from "../_shared/engine/doorbell.ts";
import { readEnv } from "../_shared/platform/env.ts";
import { Failure, judge } from "../_shared/engine/failure.ts";
import { guard, json, noContent, readJson } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { registerBeforeUnload, runBackground } from "../_shared/runtime.ts";
import {
  answerRows,
  createSearchConsole,
  type SearchConsole,
} from "../_shared/search_console/search_console.ts";
import { SearchConsoleRows } from "../_shared/wasm/gsc.ts";

const name = "pageperfect-gsc-import";

/** Some 30,000 rows. An isolate has 2 s of CPU time, and a larger file can come in parts. */
const maxFileBytes = 4_000_000;
/** Rows of one statement: a fraction of the eight seconds that the API gives one. */
const chunkRows = 2_500;
/** Longer than one answer takes to fetch and to store; each checkpoint renews it. */
const leaseSeconds = 150;
/** What an invocation takes on before it leaves the rest to the next. */
const budget = { ms: 40_000, rows: 50_000 };
/** Google's short-term quota is counted over ten minutes. */
const retryDelays = { retry_delay_seconds: 60, max_retry_delay_seconds: 3600 };

const log = createLog({ function: name });
const ring = createDoorbell(log);

Deno.serve(guard((request) => {
  const contentType = request.headers.get("content-type") ?? "";
  return /^\s*text\/csv\b/i.test(contentType) ? importFile(request) : importProperties(request);
}));

const refuse = (status: number, error: string, message: string) => json(status, { error, message });

async function store(rows: SearchConsoleRows): Promise<void> {
  for (let chunk = rows.next(chunkRows); chunk; chunk = rows.next(chunkRows)) {
    await rpc("upsert_gsc_rows", { p_rows: chunk });
  }
}

/** `?url=` or `?page_id=` for a file without a column of pages, `?date=` for one without dates. */
async function importFile(request: Request): Promise<Response> {
  const query = new URL(request.url).searchParams;
  let page = query.get("url") ?? undefined;
  const pageId = query.get("page_id");
  if (pageId !== null) {
    if (page !== undefined) {
      return refuse(400, "invalid_request", "send url or page_id, not both");
    }
    const { data, error } = await supabaseAdmin.from("pages").select("url").eq("id", pageId)
      .maybeSingle();
    if (error || !data) return refuse(404, "unknown_page", `there is no page ${pageId}`);
    page = data.url;
  }
  const bytes = await readBytes(request);
  if (bytes === undefined) {
    return refuse(
      413,
      "too_large",
      `the file is larger than ${maxFileBytes / 1e6} MB: send it in parts, each with the header ` +
        "(./pageperfect gsc-import does)",
    );
  }
  let rows: SearchConsoleRows;
  try {
    rows = new SearchConsoleRows(bytes, page, query.get("date"));
  } catch (error) {
    return refuse(400, "invalid_csv", errorText(error));
  } finally {
    // Freed at once: an isolate serves many parts, and the garbage collector does not hurry for such bytes.
    // The types of Deno 2.1 do not know the method that its runtime has.
    (bytes.buffer as ArrayBuffer & { transfer(length: number): unknown }).transfer(0);
  }
  const { row_count, page_count, warnings } = rows;
  try {
    await store(rows);
  } catch (error) {
    log.error("file_not_stored", { message: errorText(error), row_count });
    return refuse(
      503,
      "not_stored",
      "the database did not take all of the file: send it again, no row counts twice",
    );
  } finally {
    rows.free();
  }
  log.info("file_imported", { row_count, page_count, warning_count: warnings.length });
  return json(200, { row_count, page_count, warnings });
}

/** The request's body, or undefined when it is larger than a file may be. */
async function readBytes(request: Request): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    // Read to its end all the same: a caller that still sends would see a broken connection, not the answer.
    if (length <= maxFileBytes) chunks.push(chunk);
  }
  if (length > maxFileBytes) return undefined;
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** `{property, start_date, end_date}` asks for these days; `{}` is the schedule's ring: whatever is due. */
async function importProperties(request: Request): Promise<Response> {
  const env = readEnv(["search_console"]);
  const body = await readJson<Record<string, unknown> | null>(request, null) ?? {};
  let started: Record<string, unknown> | undefined;
  if (Object.keys(body).length > 0) {
    const { property, start_date, end_date } = body;
    if (![property, start_date, end_date].every((field) => typeof field === "string")) {
      return refuse(
        400,
        "invalid_request",
        'send {"property": "sc-domain:example.com", "start_date": "2025-01-01", "end_date": ' +
          '"2025-01-31"}, or {} for all properties that are due',
      );
    }
    try {
      started = await rpc("start_gsc_import", {
        p_property: property,
        p_start_date: start_date,
        p_end_date: end_date,
      });
    } catch (error) {
      const code = error instanceof Failure ? error.facts.code ?? "" : "";
      if (code === "55000") return refuse(409, "import_under_way", errorText(error));
      if (code !== "23514" && !code.startsWith("22")) throw error;
      const message = code === "23514"
        ? "property must be as Search Console names it: sc-domain:example.com or https://www.example.com/"
        : errorText(error);
      return refuse(400, "invalid_request", message);
    }
  }
  const dueCount = await rpc<number>("pending_gsc_import_count");
  if (dueCount === 0) return started ? json(202, started) : noContent();
  runBackground(drain(createSearchConsole(env.searchConsole)));
  return json(202, { message: "importing", due_count: dueCount, ...started });
}

interface Claim {
  property: string;
  /** With the property, the lease's token. */
  lease_count: number;
  date: string;
  start_row: number;
  attempt_count: number;
  max_attempts: number;
}

/** Imports what is due until nothing is or the budget is spent; then rings for the rest. */
async function drain(searchConsole: SearchConsole): Promise<void> {
  const startedAt = performance.now();
  let rowCount = 0;
  const isSpent = () => rowCount >= budget.rows || performance.now() - startedAt >= budget.ms;
  while (!isSpent()) {
    const claim = await rpc<Claim | null>("claim_gsc_import", { p_lease_seconds: leaseSeconds });
    if (claim === null) return;
    await importDays(claim, searchConsole, isSpent, (count) => rowCount += count);
  }
  if (await rpc<number>("pending_gsc_import_count") > 0) await ring(name);
}

async function importDays(
  claim: Claim,
  searchConsole: SearchConsole,
  isSpent: () => boolean,
  count: (rows: number) => void,
): Promise<void> {
  const { property } = claim;
  const lease = { p_property: property, p_lease_count: claim.lease_count };
  const importLog = log.with({ property });
  let { date, start_row: startRow, attempt_count } = claim;

  const fail = async (error: unknown) => {
    const verdict = judge(error, { ...claim, ...retryDelays, attempt_count });
    const { status } = await rpc<{ status: string }>("fail_gsc_import", {
      ...lease,
      p_error: verdict.error,
      p_action: verdict.action,
      p_delay_seconds: verdict.delaySeconds,
    });
    const { details: _, ...facts } = verdict.error;
    importLog.warn(`import_${status}`, { ...facts, date, delay_seconds: verdict.delaySeconds });
  };
  const release = () => rpc("release_gsc_import", lease);
  // A worker that is told to go hands its import back, so that nobody waits for the lease to run out. When the work
  // itself drove it over a limit the attempt counts, or such an import would come back for ever.
  const forgetUnload = registerBeforeUnload(async (reason) => {
    const isInnocent = reason === "early_drop" || reason === "termination";
    await (isInnocent
      ? release()
      : fail(new Failure(`the worker reached its ${reason} limit`, { code: "WORKER_LIMIT" })));
  });

  try {
    for (;;) {
      if (isSpent()) {
        await release();
        return;
      }
      const rows = SearchConsoleRows.from_answer(
        await searchConsole.query(property, date, startRow),
      );
      const rowCount = rows.source_count;
      try {
        for (const warning of rows.warnings) importLog.warn("rows_left_out", { date, warning });
        await store(rows);
      } finally {
        rows.free();
      }
      count(rowCount);
      const next = await rpc<{ status: string; date: string; start_row: number }>(
        "checkpoint_gsc_import",
        {
          ...lease,
          p_row_count: rowCount,
          p_is_day_done: rowCount < answerRows,
          p_lease_seconds: leaseSeconds,
        },
      );
      importLog.info("rows_imported", { date, start_row: startRow, row_count: rowCount });
      attempt_count = 1;
      if (next.status !== "continue") {
        importLog.info(`import_${next.status}`);
        return;
      }
      ({ date, start_row: startRow } = next);
    }
  } catch (error) {
    await fail(error).catch((failing) =>
      // The lease will end by itself, and the import go on from its checkpoint.
      importLog.error("failure_not_recorded", {
        message: errorText(error),
        because: errorText(failing),
      })
    );
  } finally {
    forgetUnload();
  }
}
