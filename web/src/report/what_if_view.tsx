// Other settings, and what they would change, at once; then the analysis run so.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { ApiError, rpc, startJob } from "../api.ts";
import { compact, count, percent, plural } from "../format.ts";
import { go, href, param, setQuery } from "../router.ts";
import { Badge, Button, Empty, ErrorNote, Field, Figure, Loading, Table, toast } from "../ui.tsx";
import { startWorker } from "../start_worker.ts";
import type { WhatIfNews, WhatIfTask } from "../worker.ts";
import { editLabels, kindLabels, placeText, type ReportModel } from "./model.ts";
import { queryText } from "./profile.ts";
import { loadVectors } from "./vectors.ts";
import {
  type AnalysisInput,
  essence,
  type Input,
  type Settings,
  settingsOf,
  type WhatIf,
} from "./what_if.ts";

export function WhatIfView({ model }: { model: ReportModel }) {
  const { job } = model.result;
  const input = useSignal<Input | undefined>(undefined);
  const reason = useSignal<string | undefined>(undefined);
  const loading = useSignal("Loading what the analysis was made from …");
  const error = useSignal<ApiError | undefined>(undefined);
  const found = useSignal<{ found: WhatIf; settings: Settings } | undefined>(undefined);
  const done = useSignal(1);
  const worker = useRef<Worker>(undefined);

  useEffect(() => {
    const abort = new AbortController();
    load(job.id, abort.signal, (text) => (loading.value = text)).then((answer) => {
      if (typeof answer === "string") {
        reason.value = answer;
        return;
      }
      const started = worker.current = startWorker();
      started.onmessage = ({ data }: MessageEvent<WhatIfNews | { error: string }>) => {
        if ("error" in data) error.value = new ApiError(0, "what_if", data.error);
        else if ("done" in data) done.value = data.done;
        else found.value = data;
      };
      started.postMessage({ kind: "what-if", input: answer } satisfies WhatIfTask);
      input.value = answer;
    }).catch((thrown) => {
      if (!abort.signal.aborted) error.value = thrown as ApiError;
    });
    return () => {
      abort.abort();
      worker.current?.terminate();
    };
  }, [job.id]);

  const own = input.value && settingsOf(input.value);
  const number = (name: string, fallback: number) => Number(param(name)) || fallback;
  const settings: Settings | undefined = own && {
    eps: number("eps", own.eps),
    threshold: number("threshold", own.threshold),
    top: number("top", own.top),
    brand: param("brand")?.split(",").map((word) => word.trim()).filter(Boolean) ?? own.brand,
  };
  useEffect(() => {
    if (!settings) return;
    error.value = undefined;
    // A slider passes many values on its way.
    const timer = setTimeout(
      () => worker.current?.postMessage({ kind: "settings", settings } satisfies WhatIfTask),
      150,
    );
    return () => clearTimeout(timer);
  }, [JSON.stringify(settings)]);

  if (reason.value) {
    return (
      <Empty
        title="No what-if for this analysis"
        action={<a class="button primary" href={href("new", { url: job.url })}>Analyse again</a>}
      >
        {reason.value}
      </Empty>
    );
  }
  if (!settings || !own) {
    return (
      <>
        <ErrorNote error={error.value} />
        {!error.value && <Loading label={loading.value} />}
      </>
    );
  }
  const isChanged = JSON.stringify(settings) !== JSON.stringify(own);
  const run = async () => {
    try {
      const { job_id } = await startJob({
        page_id: model.result.page?.id,
        generate_draft: model.result.draft_skipped !== "not_requested",
        parameters: {
          eps: settings.eps,
          similarity_threshold: settings.threshold,
          top: settings.top,
          ...settings.brand.length > 0 ? { brand: settings.brand } : {},
        },
      });
      toast("The analysis has begun with these settings");
      go(`report/${job_id}`);
    } catch (thrown) {
      error.value = thrown as ApiError;
    }
  };
  const slide = (
    name: "eps" | "threshold",
    label: string,
    hint: string,
    least: number,
    most: number,
  ) => (
    <Field label={`${label}: ${settings[name].toFixed(2)}`} hint={hint}>
      {(id, describedBy) => (
        <input
          id={id}
          type="range"
          min={least}
          max={most}
          step="0.01"
          aria-describedby={describedBy}
          value={settings[name]}
          onInput={(event) =>
            setQuery({
              [name]: Number(event.currentTarget.value) === own[name]
                ? null
                : event.currentTarget.value,
            }, true)}
        />
      )}
    </Field>
  );
  return (
    <div class="split what-if">
      <div>
        <ErrorNote error={error.value} />
        {found.value
          ? (
            <Outcome
              model={model}
              what={found.value.found}
              isOwn={!isChanged && JSON.stringify(found.value.settings) === JSON.stringify(own)}
            />
          )
          : !error.value && <Loading lines={8} label={`Computing: ${percent(done.value)}`} />}
      </div>
      <aside class="side card" aria-label="Settings">
        <h2>Settings</h2>
        {slide("eps", "Topics", "Lower makes more, narrower topics; higher joins them.", 0.1, 0.6)}
        {slide(
          "threshold",
          "Answered from",
          "A query with less coverage is not answered.",
          0.3,
          0.95,
        )}
        <Field label="Edits at most">
          {(id) => (
            <input
              id={id}
              type="number"
              min="1"
              max="100"
              value={settings.top}
              onInput={(event) => setQuery({ top: event.currentTarget.value }, true)}
            />
          )}
        </Field>
        <Field label="Brand words" hint="With commas between; their queries are set apart.">
          {(id, describedBy) => (
            <input
              id={id}
              aria-describedby={describedBy}
              value={param("brand") ?? own.brand.join(", ")}
              onInput={(event) => setQuery({ brand: event.currentTarget.value }, true)}
            />
          )}
        </Field>
        <div class="actions">
          <Button kind="primary" disabled={!isChanged} onClick={run}>Run it so</Button>
          {isChanged && <a class="button" href={href(`report/${job.id}/what-if`)}>As it was</a>}
        </div>
        <p class="quiet" role="status">
          {done.value < 1
            ? `Computing: ${percent(done.value)}`
            : "Computed in this browser, from the embeddings of this analysis."}
        </p>
      </aside>
    </div>
  );
}

async function load(
  jobId: string,
  signal: AbortSignal,
  told: (text: string) => void,
): Promise<Input | string> {
  const answer: AnalysisInput | null = await rpc("get_analysis_input", { p_job_id: jobId }, signal);
  if (!answer) return "A later analysis of the page has replaced what this one was made from.";
  if (answer.clustering.method !== "calibrated") {
    return "It was made with the plain cosine rule; the what-if is for the calibrated one.";
  }
  const { keywords } = answer.clustering;
  const texts = await Promise.all(keywords.map(({ query }) => queryText(answer.gaps.model, query)));
  const [segments, queries] = await Promise.all([
    rpc("get_segments", { p_job_id: jobId }, signal) as Promise<{ vectors: string[] }>,
    loadVectors(jobId, texts, signal, (share) => told(`Loading the embeddings: ${percent(share)}`)),
  ]);
  const queryVectors = queries.vectors.filter((vector) => vector !== null);
  if (queryVectors.length < texts.length) return "Some of its embeddings are not stored any more.";
  return { ...answer, queryVectors, segmentVectors: segments.vectors };
}

/** With the report's own settings: whether this browser finds what the workers found. */
function Same({ model, what }: { model: ReportModel; what: WhatIf }) {
  const { topics, edits, method } = model.result;
  const theirs = essence(topics.map((topic) => ({ ...topic, index: topic.topic_index })), edits);
  const ours = essence(what.topics.map((topic, index) => ({ ...topic, index })), what.edits);
  if (theirs === ours) {
    return (
      <p class="good" role="status">
        ✓ The settings of the report: the same topics and edits, bit for bit.
      </p>
    );
  }
  return (
    <p class="quiet" role="status">
      The settings of the report. {method.verified_by
        ? "A language model has struck out or moved some of its edits since."
        : "It was made by another version: some differ."}
    </p>
  );
}

/** What would be found, beside what the report says. */
function Outcome({ model, what, isOwn }: { model: ReportModel; what: WhatIf; isOwn: boolean }) {
  const counts = (topics: { kind: string }[], kind: string) =>
    topics.filter((topic) => topic.kind === kind).length;
  const clicks = (edits: { expected_clicks: number }[]) =>
    Math.round(edits.reduce((sum, edit) => sum + edit.expected_clicks, 0));
  const before = model.result;
  const known = new Set(before.edits.map((edit) => edit.open_queries.join("\n")));
  const kept = new Set(what.edits.map((edit) => edit.open_queries.join("\n")));
  const gone = before.edits.filter((edit) => !kept.has(edit.open_queries.join("\n")));
  const change = (now: number, then: number) => now === then ? "as now" : `${count(then)} now`;
  return (
    <>
      {isOwn && <Same model={model} what={what} />}
      <dl class="figures">
        <Figure
          label="Topics"
          value={count(what.topics.length)}
          note={change(what.topics.length, before.topics.length)}
        />
        {(["gap", "partly", "answered"] as const).map((kind) => (
          <Figure
            key={kind}
            label={kindLabels[kind]}
            tone={kind}
            value={count(counts(what.topics, kind))}
            note={change(counts(what.topics, kind), counts(before.topics, kind))}
          />
        ))}
        <Figure
          label="Clicks a month"
          value={`+${compact(clicks(what.edits))}`}
          note={change(clicks(what.edits), clicks(before.edits))}
        />
      </dl>
      <Table label="Edits with these settings">
        <thead>
          <tr>
            <th scope="col">Edit</th>
            <th scope="col">Kind</th>
            <th scope="col">Place</th>
            <th scope="col" class="number">Impressions</th>
            <th scope="col" class="number">Answered</th>
          </tr>
        </thead>
        <tbody>
          {what.edits.map((edit, index) => (
            <tr key={index}>
              <th scope="row">
                <span dir="auto">{edit.label}</span>{" "}
                {!known.has(edit.open_queries.join("\n")) && <Badge tone="improve">new</Badge>}
                <span class="quiet sub" dir="auto">
                  {edit.open_queries.slice(0, 3).join(" · ")}
                </span>
              </th>
              <td>{editLabels[edit.kind]}</td>
              <td dir="auto">{placeText(edit)}</td>
              <td class="number">{count(edit.impressions)}</td>
              <td class="number">{percent(edit.coverage)}</td>
            </tr>
          ))}
        </tbody>
      </Table>
      {gone.length > 0 && (
        <>
          <h2>{plural(gone.length, "edit")} of the report would go</h2>
          <ul>
            {gone.map((edit) => (
              <li key={edit.id} dir="auto">
                {edit.label} <span class="quiet">{edit.open_queries.slice(0, 3).join(" · ")}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
