// Search Console's figures into gsc_page_query: a CSV file that is posted, or the properties of gsc_properties through
// the API, a day at a time. Rows are upserted by page, query and date, so whatever is sent twice counts once.
import * as v from "npm:valibot@1.5.0";
import { rpc, supabaseAdmin } from "../_shared/client.ts";
import { Pause } from "../_shared/engine/budget.ts";
import { readEnv } from "../_shared/platform/env.ts";
import { Failure } from "../_shared/engine/failure.ts";
import { invokeStage, type Stage } from "../_shared/engine/serve_stage.ts";
import { guard, json, readJson } from "../_shared/platform/http.ts";
import { createLog, errorText } from "../_shared/platform/log.ts";
import { answerRows, createSearchConsole } from "../_shared/search_console/search_console.ts";
import { SearchConsoleRows } from "../_shared/wasm/gsc.ts";

/** Some 30,000 rows. An isolate has 2 s of CPU time, and a larger file can come in parts. */
const maxFileBytes = 4_000_000;
/** Rows of one statement: a fraction of the eight seconds that the API gives one. */
const chunkRows = 2_500;
/** What an invocation takes on before it leaves the rest to the next. */
const budget = { ms: 40_000, rows: 50_000 };
const log = createLog({ function: "pageperfect-gsc-import" });

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

/** A property and the days of it that are asked for, YYYY-MM-DD. */
const Started = v.looseObject({
  property: v.string(),
  start_date: v.string(),
  end_date: v.string(),
});

/** `{property, start_date, end_date}` asks for these days; `{}` is the schedule's ring: whatever is due. */
async function importProperties(request: Request): Promise<Response> {
  readEnv(["search_console"]);
  const given = await readJson<Record<string, unknown> | null>(request, null) ?? {};
  // The dispatcher names the stage that it rings for.
  const body = "stage" in given ? {} : given;
  let started: v.InferOutput<typeof Started> | undefined;
  if (Object.keys(body).length > 0) {
    const period = v.safeParse(Started, body);
    if (!period.success) {
      return refuse(
        400,
        "invalid_request",
        'send {"property": "sc-domain:example.com", "start_date": "2025-01-01", "end_date": ' +
          '"2025-01-31"}, or {} for all properties that are due',
      );
    }
    try {
      const { property, start_date, end_date } = period.output;
      started = await rpc("start_gsc_import", {
        p_property: property,
        p_start_date: start_date,
        p_end_date: end_date,
      }, Started);
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
  if (!started) await rpc("mend_pipelines");
  const answer = await invokeStage(imports);
  return started ? json(202, { message: "importing", ...started }) : answer;
}

/** Where an import stands. */
const Position = v.object({ property: v.string(), date: v.string(), start_row: v.number() });
const Next = v.union([
  v.object({ status: v.literal("continue"), date: v.string(), start_row: v.number() }),
  v.object({ status: v.string() }),
]);

/** The days of one property: the stage `gsc_import` of the pipeline `fetch`. Each answer that is stored is a checkpoint. */
const imports: Stage = {
  pipeline: "fetch",
  stage: "gsc_import",
  needs: ["search_console"],
  async run(job, { env, log, rpc, signal, input }) {
    const startedAt = performance.now();
    const searchConsole = createSearchConsole(env.searchConsole);
    const { property, ...from } = await input(Position);
    let { date, start_row } = from;
    const importLog = log.with({ property });
    for (let importedCount = 0;;) {
      signal.throwIfAborted();
      const rows = SearchConsoleRows.from_answer(
        await searchConsole.query(property, date, start_row),
      );
      const rowCount = rows.source_count;
      try {
        for (const warning of rows.warnings) importLog.warn("rows_left_out", { date, warning });
        await store(rows);
      } finally {
        rows.free();
      }
      const next = await rpc(
        "checkpoint_gsc_import",
        {
          p_msg_id: job.msg_id,
          p_read_ct: job.read_ct,
          p_row_count: rowCount,
          p_is_day_done: rowCount < answerRows,
          p_seconds: env.visibilitySeconds,
        },
        Next,
      );
      importLog.info("rows_imported", { date, start_row, row_count: rowCount });
      if (!("date" in next)) {
        importLog.info(`import_${next.status}`);
        return { committed: true };
      }
      ({ date, start_row } = next);
      importedCount += rowCount;
      if (importedCount >= budget.rows || performance.now() - startedAt >= budget.ms) {
        throw new Pause(`goes on with ${date}`);
      }
    }
  },
};
