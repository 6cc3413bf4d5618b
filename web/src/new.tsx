// Starting an analysis: an address and a CSV, which may be dropped anywhere in the window.

import { signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { ApiError, startJob } from "./api.ts";
import { Estimate } from "./estimate.tsx";
import { compact, count, plural, position } from "./format.ts";
import { go, param, route } from "./router.ts";
import { Button, ErrorNote, Field, Page, Table, toast } from "./ui.tsx";

interface Keyword {
  query: string;
  impressions: number;
  clicks: number;
  position: number | null;
}

interface Dropped {
  name: string;
  keywords: Keyword[];
  warnings: string[];
}

/** What was dropped or chosen: read again when the address changes, since an export may be of many pages. */
const chosen = signal<File | undefined>(undefined);
/** Its rows of the page. */
const file = signal<Dropped | undefined>(undefined);
const fileError = signal<string | undefined>(undefined);
const reading = signal(false);
const isDragging = signal(false);

const mostBytes = 20_000_000;

/** It is read by the form, which knows the address. */
function take(given: File | undefined) {
  round++;
  file.value = undefined;
  fileError.value = undefined;
  chosen.value = given;
}

/** The newest reading: an older one that ends later does not count. */
let round = 0;

/** @param page address of the page whose rows are wanted, as far as it was typed */
async function read(given: File, page: string) {
  const mine = ++round;
  const fail = (message: string) => {
    if (mine !== round) return;
    file.value = undefined;
    fileError.value = message;
  };
  if (given.size > mostBytes) {
    return fail(`${given.name} has ${compact(given.size)} bytes: is it the CSV of one page?`);
  }
  reading.value = !file.value;
  try {
    const bytes = new Uint8Array(await given.arrayBuffer());
    if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
      return fail(
        `${given.name} is a ZIP archive or a spreadsheet: unpack it and give the CSV inside (Queries.csv).`,
      );
    }
    // The same wasm that the command line reads it with.
    const gsc = await import("../../functions/_shared/wasm/gsc.ts");
    const { keywords, warnings } = gsc.parse_csv(bytes, URL.canParse(page) ? page : null) as {
      keywords: Keyword[];
      warnings: string[];
    };
    if (mine !== round) return;
    if (keywords.length === 0) {
      return fail(`${given.name} has no queries: is it Queries.csv of the export?`);
    }
    fileError.value = undefined;
    file.value = { name: given.name, keywords, warnings };
  } catch (thrown) {
    fail(`${given.name}: ${(thrown as Error).message ?? thrown}`);
  } finally {
    if (mine === round) reading.value = false;
  }
}

/** Takes a file that is dropped anywhere, and shows that it would. */
export function DropTarget() {
  useEffect(() => {
    let depth = 0;
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth++;
      isDragging.value = true;
    };
    const leave = (event: DragEvent) => {
      if (hasFiles(event) && --depth <= 0) isDragging.value = false;
    };
    const over = (event: DragEvent) => hasFiles(event) && event.preventDefault();
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      depth = 0;
      isDragging.value = false;
      const [dropped] = event.dataTransfer!.files;
      if (!dropped) return;
      if (route.value.path[0] !== "new") go("new");
      take(dropped);
    };
    addEventListener("dragenter", enter);
    addEventListener("dragleave", leave);
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragenter", enter);
      removeEventListener("dragleave", leave);
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, []);
  return isDragging.value
    ? (
      <div class="drop-veil">
        <p>Drop the CSV of a page's queries</p>
      </div>
    )
    : null;
}

export function New() {
  const url = useSignal(param("url") ?? "");
  const draft = useSignal(true);
  const drafts = useSignal("1");
  const isRendered = useSignal(false);
  const busy = useSignal(false);
  const error = useSignal<ApiError | undefined>(undefined);
  const fieldError = (name: string) =>
    error.value?.fields.find(({ field }) => field === name)?.message;
  const keywords = file.value?.keywords;
  const address = url.value.trim();
  useEffect(() => {
    const given = chosen.value;
    if (!given) return;
    const timer = setTimeout(() => read(given, address), 300);
    return () => clearTimeout(timer);
  }, [address, chosen.value]);

  const start = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    error.value = undefined;
    // The address may have been typed a moment ago.
    if (chosen.value) await read(chosen.value, address);
    if (chosen.value && !file.value) {
      busy.value = false;
      return;
    }
    try {
      const { job_id } = await startJob({
        url: address,
        keywords: file.value?.keywords,
        generate_draft: draft.value,
        render: isRendered.value || undefined,
        parameters: draft.value && drafts.value !== "1"
          ? { drafts: Number(drafts.value) }
          : undefined,
      });
      take(undefined);
      toast("The analysis has begun");
      go(`report/${job_id}`);
    } catch (thrown) {
      error.value = thrown as ApiError;
    }
    busy.value = false;
  };

  return (
    <Page title="Analyse a page" lead="A page, and what people searched for when Google showed it.">
      <form class="form" onSubmit={start}>
        <Field
          label="Address of the page"
          error={fieldError("url")}
          hint="Anybody must be able to open it."
        >
          {(id, describedBy) => (
            <input
              id={id}
              type="url"
              required
              placeholder="https://example.com/guide"
              aria-describedby={describedBy}
              value={url.value}
              onInput={(event) => (url.value = event.currentTarget.value)}
            />
          )}
        </Field>
        <Field
          label="Its queries (CSV)"
          error={fileError.value ?? fieldError("keywords")}
          hint={
            <>
              In Search Console: Performance → filter by the page → Export → CSV;{" "}
              <code>Queries.csv</code>{" "}
              in the ZIP is the file. Without a file, the rows are used that are stored for this
              page. You may also drop it anywhere here.
            </>
          }
        >
          {(id, describedBy) => (
            <input
              id={id}
              type="file"
              accept=".csv,.tsv,text/csv"
              aria-describedby={describedBy}
              onChange={(event) =>
                event.currentTarget.files?.[0] && take(event.currentTarget.files[0])}
            />
          )}
        </Field>
        {reading.value && <p role="status">Reading …</p>}
        {file.value && keywords && (
          <section class="card" aria-label="What the file holds">
            <h2>
              {file.value.name}: {plural(keywords.length, "query", "queries")},{" "}
              {compact(keywords.reduce((sum, keyword) => sum + keyword.impressions, 0))} impressions
            </h2>
            {file.value.warnings.map((warning) => (
              <p key={warning} class="quiet" dir="auto">{warning}</p>
            ))}
            <Table label="The first queries" compact>
              <thead>
                <tr>
                  <th scope="col">Query</th>
                  <th scope="col" class="number">Impressions</th>
                  <th scope="col" class="number">Clicks</th>
                  <th scope="col" class="number">Position</th>
                </tr>
              </thead>
              <tbody>
                {[...keywords].sort((a, b) =>
                  b.impressions - a.impressions
                ).slice(0, 8).map((
                  keyword,
                ) => (
                  <tr key={keyword.query}>
                    <th scope="row" dir="auto">{keyword.query}</th>
                    <td class="number">{count(keyword.impressions)}</td>
                    <td class="number">{count(keyword.clicks)}</td>
                    <td class="number">{position(keyword.position)}</td>
                  </tr>
                ))}
              </tbody>
            </Table>
          </section>
        )}
        {chosen.value && !reading.value && (
          <Button
            kind="quiet"
            onClick={() => {
              take(undefined);
              const input = document.querySelector<HTMLInputElement>("input[type=file]");
              if (input) input.value = "";
            }}
          >
            Take the file away
          </Button>
        )}
        <fieldset>
          <legend>Options</legend>
          <label class="check">
            <input
              type="checkbox"
              checked={draft.value}
              onChange={(event) => (draft.value = event.currentTarget.checked)}
            />{" "}
            Draft what is missing
          </label>
          {draft.value && (
            <label class="choice">
              <span>Drafts</span>
              <select
                value={drafts.value}
                onChange={(event) => (drafts.value = event.currentTarget.value)}
              >
                {["1", "2", "3", "5"].map((value) => <option key={value}>{value}</option>)}
              </select>
            </label>
          )}
          <label class="check">
            <input
              type="checkbox"
              checked={isRendered.value}
              onChange={(event) => (isRendered.value = event.currentTarget.checked)}
            />{" "}
            Its text is made by scripts (needs ScraperAPI)
          </label>
        </fieldset>
        <Estimate
          request={URL.canParse(address)
            ? {
              url: new URL(address).href,
              keyword_count: keywords?.length,
              generate_draft: draft.value,
              parameters: { drafts: Number(drafts.value) },
            }
            : undefined}
        />
        <ErrorNote error={error.value} />
        <div class="actions">
          <button type="submit" class="button primary" disabled={busy.value} aria-busy={busy.value}>
            Analyse
          </button>
        </div>
      </form>
    </Page>
  );
}
